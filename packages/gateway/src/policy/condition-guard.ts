/**
 * Writes a checked expression again so that it pays for what it does: function calls, loops, comparisons of whole values and
 * concatenation get their price (condition-steps.ts) put around what they work on. `matches` and `inCidr` are replaced by
 * functions that know their pattern and network beforehand.
 */

import type { ASTNode } from '@marcbachmann/cel-js';

/** Makes what stands literally in the expression, once; gives its number. Throws what is wrong with it. */
export interface Literals {
  readonly pattern: (text: string) => number;
  readonly network: (text: string) => number;
}

const LOOPS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
/** Calls that cost more than going through what they are given. */
const WEIGHTS: Readonly<Record<string, number>> = {
  lastIndexOf: 16,
  size: 4,
  split: 4,
  json: 4,
  timestamp: 4,
  duration: 4,
};
/** Of a timestamp in a named time zone. */
const ZONE_WEIGHT = 20;
/** Characters of what is sought in a text. */
const MAX_SOUGHT = 256;
/** Characters of a duration; it is read with a backtracking expression. */
const MAX_DURATION = 64;

export function guard(node: ASTNode, literals: Literals): string {
  const write = (each: ASTNode): string => guard(each, literals);
  switch (node.op) {
    case 'value':
      return node.input.slice(node.start, node.end);
    case 'id':
      return node.args;
    case 'call':
      return call(node.args, write, literals);
    case 'rcall':
      return method(node.args, write, literals);
    case '.':
    case '[]':
      return access(node, write);
    case 'list':
      return `[${node.args.map(write).join(', ')}]`;
    case 'map':
      return `{${node.args.map((entry) => entry.map(write).join(': ')).join(', ')}}`;
    case '?:':
      return `(${node.args.map((part, index) => `${['', ' ? ', ' : '][index]}(${write(part)})`).join('')})`;
    case '!_':
    case '-_':
      return `${node.op[0]}(${write(node.args)})`;
    default:
      return binary(node, write);
  }
}

type Write = (node: ASTNode) => string;

function access({ args }: Extract<ASTNode, { readonly op: '.' | '[]' }>, write: Write): string {
  const [object, member] = args;
  return typeof member === 'string' ? `(${write(object)}).${member}` : `(${write(object)})[${write(member)}]`;
}

type Other = Exclude<
  ASTNode,
  { readonly op: 'value' | 'id' | 'call' | 'rcall' | '.' | '[]' | 'list' | 'map' | '?:' | '!_' | '-_' }
>;

function binary({ args, op }: Other, write: Write): string {
  const [left, right] = args;
  if (typeof right === 'string' || op === '[?]') throw new Error('optional access is not supported');
  // A comparison with a word or a number costs nothing; with a whole value it costs what the value holds.
  const isWord = left.op === 'value' || right.op === 'value';
  const isWhole = op === '+' || op === 'in' || (/^[!=]=$/.test(op) && !isWord);
  const operand = (node: ASTNode): string => (isWhole ? charged(node, 1, write) : `(${write(node)})`);
  return `(${operand(left)} ${op} ${operand(right)})`;
}

function charged(node: ASTNode, weight: number, write: Write): string {
  const isFixed = node.op === 'value' || (node.op === 'list' && node.args.every(({ op }) => op === 'value'));
  return isFixed ? `(${write(node)})` : `charged(${write(node)}, ${weight})`;
}

function call([name, args]: readonly [string, ASTNode[]], write: Write, literals: Literals): string {
  // A macro: it looks at its argument as it is written.
  if (name === 'has') return `has(${args.map(write).join(', ')})`;
  if (name === 'inCidr') {
    const [address, network] = args as [ASTNode, ASTNode];
    return `within(${write(address)}, ${literal(network, 'inCidr() needs its network', literals.network)})`;
  }
  const weight = weightOf(name, 1);
  const most = name === 'duration' ? MAX_DURATION : undefined;
  return `${name}(${args.map((arg) => shortened(arg, weight, most, write)).join(', ')})`;
}

function method(
  [name, receiver, args]: readonly [string, ASTNode, ASTNode[]],
  write: Write,
  literals: Literals,
): string {
  // `cel.bind`: a macro as well.
  if (receiver.op === 'id' && receiver.args === 'cel') return `cel.${name}(${args.map(write).join(', ')})`;
  if (name === 'matches') {
    const [pattern] = args as [ASTNode];
    return `matched(${write(receiver)}, ${literal(pattern, 'matches() needs its pattern', literals.pattern)})`;
  }
  if (LOOPS.has(name)) {
    const nodes = args.reduce((sum, arg) => sum + count(arg), 0);
    return `looped(${write(receiver)}, ${nodes}).${name}(${args.map(write).join(', ')})`;
  }
  const isZoned = name.startsWith('get') && args.length > 0;
  const weight = isZoned ? ZONE_WEIGHT : weightOf(name, 1);
  const written = args.map((arg) => shortened(arg, 1, MAX_SOUGHT, write)).join(', ');
  return `${charged(receiver, weight, write)}.${name}(${written})`;
}

function weightOf(name: string, otherwise: number): number {
  return Object.hasOwn(WEIGHTS, name) ? (WEIGHTS[name] as number) : otherwise;
}

function shortened(node: ASTNode, weight: number, most: number | undefined, write: Write): string {
  const text = charged(node, weight, write);
  return most === undefined || node.op === 'value' ? text : `short(${text}, ${most})`;
}

function literal(node: ASTNode, needs: string, make: (text: string) => number): number {
  if (node.op !== 'value' || typeof node.args !== 'string') throw new Error(`${needs} written in the condition`);
  return make(node.args);
}

/** Nodes that are evaluated for one element. */
function count(node: ASTNode): number {
  const inner = (nodes: readonly (ASTNode | string)[]): number =>
    nodes.reduce((sum, each) => sum + (typeof each === 'string' ? 0 : count(each)), 1);
  switch (node.op) {
    case 'value':
    case 'id':
      return 1;
    case 'call':
      return inner(node.args[1]);
    case 'rcall':
      return inner([node.args[1], ...node.args[2]]);
    case 'map':
      return inner(node.args.flat());
    case '!_':
    case '-_':
      return inner([node.args]);
    default:
      return inner(node.args);
  }
}
