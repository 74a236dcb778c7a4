// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls} from "../proofs/Bls.sol";
import {Votes} from "../proofs/Votes.sol";

/// @title Time, stake and chance, as data availability needs them (docs/specs/da.md section 1).
///
/// `proof` is whatever an implementation wants to be shown of an operator.
interface IStake {
    /// The present epoch.
    function epoch() external view returns (uint64);

    /// Nobody knows it before epoch `number` - 1 begins. Reverts while it is not known here.
    function seedOf(uint64 number) external view returns (bytes32);

    /// What a block that was made already has drawn; nobody knows it before that block.
    function mixOf(uint256 number, bytes calldata proof) external view returns (bytes32);

    /// What an operator has from the epoch after the next one on; votes in gwei.
    function upcoming(address operator, bytes calldata proof)
        external
        view
        returns (uint64 votes, Bls.Key memory key);

    /// What it has in the present epoch.
    function present(address operator, bytes calldata proof)
        external
        view
        returns (uint64 votes, Bls.Key memory key);

    /// What votes on data are at home in.
    function domain() external view returns (Votes.Domain memory);
}
