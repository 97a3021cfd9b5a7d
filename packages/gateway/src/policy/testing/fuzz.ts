/**
 * What is asked of the policy for any input (`npm run fuzz`): a URI gets around no rule by how it is written, and a condition is
 * refused, says yes or no, or says that it cannot say. It makes no inputs.
 */

import assert from 'node:assert/strict';
import { ConditionError } from '../condition.ts';
import { createCompile } from '../condition-engine.ts';
import { ConditionInput, PrincipalFacts } from '../condition-input.ts';
import { readingsOf, readUri } from '../uri.ts';
import { ANYBODY, bearer, policyOf, read, toolCall } from './fixtures.ts';

export const URIS: readonly string[] = [
  'file:///secret/key',
  'FILE:///%73ecret/./x/../key?a#b',
  'file://localhost//secret%2Fkey;v=1',
  'https://user@Example.com.:443/secret/a%20b',
  'notes://box/5%2A',
  'file:///%252573ecret/%252E%252e/key',
];

const DENIED = 'file:///secret/';

/** As it is written and as a parser reads it, each decoded up to three times. */
function readings(uri: string): readonly string[] {
  const found: string[] = [];
  try {
    for (let text = uri, left = 4; left > 0; left--) {
      found.push(text, URL.parse(text)?.href ?? '');
      text = decodeURIComponent(text);
    }
  } catch {
    // It is not UTF-8.
  }
  return found;
}

/** What a parser reads as something that is denied is denied, in a list as in a call; no URI has endless readings. */
export async function uriCheck(): Promise<(text: string) => void> {
  const policy = await policyOf([{ effect: 'allow' }, { effect: 'deny', resources: [`${DENIED}*`] }]);
  const audience = policy.audienceOf(ANYBODY);
  return (text) => {
    const known = readUri(text);
    if ('spellings' in known) assert(readingsOf(known.spellings).length < 1000);
    const { effect } = policy.decide(read('files', text)) as { readonly effect: string };
    assert.equal(audience.maySee('resource', 'files', text), effect !== 'deny');
    if (readings(text).some((each) => each.startsWith(DENIED))) assert.equal(effect, 'deny');
  };
}

export const CONDITIONS: readonly string[] = [
  "'writer' in principal.roles && target.name.startsWith('write')",
  "arguments.path.matches('^/tmp/[a-z]+$') || !has(arguments.path)",
  "inCidr(address, '10.0.0.0/8') && time > timestamp('2026-01-01T00:00:00Z')",
  "arguments.tags.exists(t, t == 'b') ? size(arguments.tags) == 2 : arguments.count * 2.0 >= 10.0",
  "principal.claims['constructor'] == 'x' && cel.bind(p, arguments.path, p != '/')",
];

const FACTS = toolCall('files__write', {
  principal: bearer('eve', { claims: { constructor: 'x', level: 3 } }),
  arguments: { path: '/tmp/x', tags: ['a', 'b'], count: 5, nested: { a: [{ b: null }] } },
  address: '10.1.2.3',
});
/** Patterns and networks of conditions are kept as long as what compiles them. */
const COMPILED_AT_MOST = 500;

export function conditionCheck(): (text: string) => void {
  let compile = createCompile();
  let compiled = 0;
  return (text) => {
    if (++compiled % COMPILED_AT_MOST === 0) compile = createCompile();
    try {
      const input = new ConditionInput(FACTS, new PrincipalFacts(FACTS.principal, new Set(['dev', 'writer'])));
      assert.equal(typeof compile(text).holds(input), 'boolean');
    } catch (error) {
      assert(error instanceof ConditionError, String(error));
    }
  };
}
