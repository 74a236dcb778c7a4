/**
 * Contracts for benches and tests, compiled when asked for.
 */

import solc from 'solc'

/** A compiled contract. */
export type Compiled = {
  /** Code that creates it. */
  readonly initCode: Uint8Array
  /** Four bytes by signature, such as `transfer(address,uint256)`. */
  readonly selectors: Readonly<Record<string, Uint8Array>>
}

type Output = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly evm: {
              readonly bytecode: { readonly object: string }
              readonly methodIdentifiers: Readonly<Record<string, string>>
            }
          }
        >
      >
    >
  >
}

/** A token as wallets know it: checked arithmetic, events, custom errors. */
export const tokenSource = `
pragma solidity 0.8.37;

contract Token {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error TokenBalanceTooLow(address owner, uint256 balance, uint256 needed);
    error TokenAllowanceTooLow(address spender, uint256 allowance, uint256 needed);
    error TokenReceiverInvalid();

    string public name = "Token";
    string public symbol = "TOK";
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 value) external {
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _transfer(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed < value) revert TokenAllowanceTooLow(msg.sender, allowed, value);
        allowance[from][msg.sender] = allowed - value;
        _transfer(from, to, value);
        return true;
    }

    function _transfer(address from, address to, uint256 value) private {
        if (to == address(0)) revert TokenReceiverInvalid();
        uint256 balance = balanceOf[from];
        if (balance < value) revert TokenBalanceTooLow(from, balance, value);
        balanceOf[from] = balance - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
`

/** Four loops that each lean on another part of the machine. */
export const loopsSource = `
pragma solidity 0.8.37;

contract Loops {
    uint256[256] private _slots;

    function hashes(uint256 count) external pure returns (uint256 h) {
        for (uint256 i = 0; i < count; i++) h = uint256(keccak256(abi.encode(h, i)));
    }

    function mulmods(uint256 count) external pure returns (uint256 x) {
        uint256 p = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
        x = 7;
        for (uint256 i = 0; i < count; i++) x = mulmod(x, x + i, p);
    }

    function mixes(uint256 count) external pure returns (uint256 x) {
        x = 88172645463325252;
        unchecked {
            for (uint256 i = 0; i < count; i++) {
                x ^= x << 13;
                x ^= x >> 7;
                x = x * 0x9e3779b97f4a7c15 + (x % 1000003);
            }
        }
    }

    function slots(uint256 count) external returns (uint256 x) {
        for (uint256 i = 0; i < count; i++) {
            x = _slots[i % 256];
            _slots[i % 256] = x + i;
        }
    }
}
`

/** Compiles the one contract of that name in `source`, optimised, for Cancun. */
export function compile(source: string, name: string): Compiled {
  const input = {
    language: 'Solidity',
    sources: { 'source.sol': { content: source } },
    settings: {
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.methodIdentifiers'] } },
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as Output
  const problem = output.errors?.find(({ severity }) => severity === 'error')
  if (problem !== undefined) throw new Error(problem.formattedMessage)
  const contract = output.contracts['source.sol']?.[name]
  if (contract === undefined) throw new Error(`no contract ${name}`)
  const { bytecode, methodIdentifiers } = contract.evm
  const selectors: Record<string, Uint8Array> = {}
  for (const [signature, selector] of Object.entries(methodIdentifiers)) {
    selectors[signature] = Buffer.from(selector, 'hex')
  }
  return { initCode: Buffer.from(bytecode.object, 'hex'), selectors }
}
