// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The lottery of 0G's entrance, of which there is none here (docs/specs/da.md section 11).
///
/// Its answers prove pieces of 1 KiB under Keccak roots of blobs coded over BN254; rows here are
/// leaves of SHA-256 trees. What holding rows earns is a batch's fee (section 6), and what
/// giving none out costs is decided by queries (section 8). So nothing is paid here: what it tells is
/// zero, and what would take part in it is refused.
abstract contract NoSampling {
    struct SampleTask {
        bytes32 sampleHash;
        uint256 podasTarget;
        uint64 restSubmissions;
    }

    struct SampleRange {
        uint64 startEpoch;
        uint64 endEpoch;
    }

    struct SampleResponse {
        bytes32 sampleSeed;
        uint64 epoch;
        uint64 quorumId;
        uint32 lineIndex;
        uint32 sublineIndex;
        uint256 quality;
        bytes32 dataRoot;
        bytes32[3] blobRoots;
        bytes32[] proof;
        bytes data;
    }

    uint256 public constant currentSampleSeed = 0;
    uint256 public constant sampleRound = 0;
    uint256 public constant nextSampleHeight = 0;
    uint256 public constant podasTarget = 0;
    uint256 public constant roundSubmissions = 0;
    uint256 public constant targetRoundSubmissions = 0;
    uint256 public constant targetRoundSubmissionsNext = 0;
    uint256 public constant currentEpochReward = 0;
    uint256 public constant activedReward = 0;
    uint256 public constant totalBaseReward = 0;
    uint256 public constant serviceFee = 0;
    uint256 public constant serviceFeeRateBps = 0;
    uint256 public constant epochWindowSize = 0;
    uint256 public constant rewardRatio = 0;
    uint256 public constant baseReward = 0;
    uint256 public constant samplePeriod = 0;

    /// There is no round to go on to.
    function sync() external pure {}

    /// There is no round to go on to.
    function syncFixedTimes(uint256) external pure {}

    function donate() external payable {
        revert SamplingRefused();
    }

    function sampleTask() external pure returns (SampleTask memory) {
        revert SamplingRefused();
    }

    function sampleRange() external pure returns (SampleRange memory) {
        revert SamplingRefused();
    }

    function submitSamplingResponse(SampleResponse calldata) external pure {
        revert SamplingRefused();
    }

    function setRoundSubmissions(uint64) external pure {
        revert SamplingRefused();
    }

    function setEpochWindowSize(uint64) external pure {
        revert SamplingRefused();
    }

    function setRewardRatio(uint64) external pure {
        revert SamplingRefused();
    }

    function setBaseReward(uint256) external pure {
        revert SamplingRefused();
    }

    function setSamplePeriod(uint64) external pure {
        revert SamplingRefused();
    }

    function setServiceFeeRate(uint256) external pure {
        revert SamplingRefused();
    }

    /// Nobody is paid for samples here.
    error SamplingRefused();
}
