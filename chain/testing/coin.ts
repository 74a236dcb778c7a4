/** A small ERC-20 for client tests, compiled with solc-js when asked for. */

import type { Abi } from 'viem'
import solc from 'solc'

const source = `
pragma solidity 0.8.37;

contract Coin {
    event Transfer(address indexed from, address indexed to, uint256 value);
    error CoinBalanceTooLow(uint256 balance, uint256 needed);

    mapping(address => uint256) public balanceOf;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 balance = balanceOf[msg.sender];
        if (balance < value) revert CoinBalanceTooLow(balance, value);
        balanceOf[msg.sender] = balance - value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}
`

type SolcOutput = {
  readonly contracts?: {
    readonly 'coin.sol': {
      readonly Coin: { readonly abi: Abi; readonly evm: { readonly bytecode: { object: string } } }
    }
  }
}

/** Compiles the token; its constructor takes the supply, all the sender's. */
export function compileCoin(): { readonly abi: Abi; readonly bytecode: `0x${string}` } {
  const input = {
    language: 'Solidity',
    sources: { 'coin.sol': { content: source } },
    settings: { outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  }
  const output = solc.compile(JSON.stringify(input))
  const { contracts } = JSON.parse(output) as SolcOutput
  if (contracts === undefined) throw new Error(`The token does not compile: ${output}`)
  const { abi, evm } = contracts['coin.sol'].Coin
  return { abi, bytecode: `0x${evm.bytecode.object}` }
}
