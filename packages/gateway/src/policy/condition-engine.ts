/**
 * Conditions: CEL expressions over one call, checked for types when they are compiled and bounded when they run. Importing
 * this file loads the engine, so a policy without conditions does not. Nothing is decided here.
 */

import { BlockList, isIP } from 'node:net';
import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { ConditionError, type CompileCondition } from './condition.ts';
import { guard, type Literals } from './condition-guard.ts';
import { PrincipalFacts, TargetFacts } from './condition-input.ts';
import { createSteps, pricesOf, type Steps } from './condition-steps.ts';

const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 500, maxMapEntries: 100, maxCallArguments: 8 };
/** Characters. An error at run time shows the expression again, so its length is paid for many times. */
const MAX_LENGTH = 1024;
/** Characters of text times instructions of a pattern that cost a step at worst. */
const MATCHING_PER_STEP = 80;
/** Instructions of a pattern. */
const MAX_PATTERN = 500;

const SYNC = { async: false };

export function createCompile(): CompileCondition {
  const steps = createSteps();
  const known: Known = { patterns: [], networks: [] };
  const literals = literalsInto(known);
  const plain = withVariables(new Environment({ limits: LIMITS }));
  plain.registerFunction('inCidr(string, string): bool', () => false, SYNC);
  const guarded = withGuards(withVariables(new Environment()), steps, known);
  return (text) => {
    if (text.length > MAX_LENGTH) throw new ConditionError(`longer than ${MAX_LENGTH} characters`);
    const run = compile(text, plain, guarded, literals);
    return { text, holds: (input) => steps.count(input, () => truth(() => run(input))) };
  };
}

/** What stands literally in conditions, ready for use. */
interface Known {
  readonly patterns: RE2JS[];
  readonly networks: BlockList[];
}

/** Only the expression itself may say them: a pattern that a caller could choose would be the caller's program. */
function literalsInto({ networks, patterns }: Known): Literals {
  return {
    pattern: (text) => {
      const compiled = RE2JS.compile(text);
      if (compiled.programSize() > MAX_PATTERN) throw new ConditionError('this pattern is too large');
      return patterns.push(compiled) - 1;
    },
    network: (text) => {
      const [, address = '', bits = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? [];
      const list = new BlockList();
      try {
        list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
      } catch {
        throw new ConditionError('inCidr() needs a network such as 10.0.0.0/8');
      }
      return networks.push(list) - 1;
    },
  };
}

function withVariables(environment: Environment): Environment {
  const texts = 'list<string>';
  return environment
    .registerType('Principal', {
      ctor: PrincipalFacts,
      fields: { issuer: 'string', subject: 'string', roles: texts, groups: texts, scopes: texts, claims: 'map' },
    })
    .registerType('Target', {
      ctor: TargetFacts,
      fields: { kind: 'string', server: 'string', id: 'string', name: 'string' },
    })
    .registerVariable('principal', 'Principal')
    .registerVariable('target', 'Target')
    .registerVariable('arguments', 'map')
    .registerVariable('annotations', 'map')
    .registerVariable('time', 'google.protobuf.Timestamp')
    .registerVariable('address', 'string');
}

/** What `guard` writes into an expression. */
function withGuards(environment: Environment, steps: Steps, { networks, patterns }: Known): Environment {
  for (const [signature, price] of Object.entries(pricesOf(steps))) {
    environment.registerFunction(signature, price, SYNC);
  }
  const matched = (text: string, index: bigint): boolean => {
    const pattern = patterns[Number(index)] as RE2JS;
    steps.spend((text.length * pattern.programSize()) / MATCHING_PER_STEP);
    return pattern.test(text);
  };
  const within = (address: string, index: bigint): boolean => {
    const family = isIP(address);
    if (family === 0) throw new ConditionError('the address is not known');
    return (networks[Number(index)] as BlockList).check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
  return environment
    .registerFunction('matched(string, int): bool', matched, SYNC)
    .registerFunction('within(string, int): bool', within, SYNC);
}

/** Checked as it is written, then made again with what bounds it. */
function compile(text: string, plain: Environment, guarded: Environment, literals: Literals): ParseResult {
  try {
    const parsed = plain.parse(text);
    const type = typeOf(parsed);
    if (type !== 'bool' && type !== 'dyn') throw new ConditionError(`gives ${type}, not true or false`);
    const run = guarded.parse(guard(parsed.ast, literals));
    typeOf(run);
    return run;
  } catch (error) {
    const { range } = error as { readonly range?: { readonly start: number } };
    const where = range === undefined ? '' : ` at character ${range.start + 1}`;
    throw new ConditionError(`${summaryOf(error)}${where} in \`${text}\``);
  }
}

function typeOf(parsed: ParseResult): string {
  const { error, type, valid } = parsed.check();
  if (!valid || type === undefined) throw error ?? new ConditionError('of no type');
  return type;
}

function truth(run: () => unknown): boolean {
  let value: unknown;
  try {
    value = run();
  } catch (error) {
    // Where it stands is a place in the guarded text, which nobody has seen.
    throw new ConditionError(summaryOf(error));
  }
  if (typeof value !== 'boolean') throw new ConditionError('gives neither true nor false');
  return value;
}

/** The engine's errors show the expression with a mark under it; what they mean is in `summary`. */
function summaryOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as Error & { readonly summary?: string }).summary ?? error.message;
}
