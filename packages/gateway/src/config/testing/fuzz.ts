/**
 * What is asked of the reader of configurations for any input (`npm run fuzz`): a file in any format is taken or refused with
 * what is wrong, never half, and it does not change what objects are. It makes no inputs.
 */

import assert from 'node:assert/strict';
import { checkDraft, draftOf } from '../check-text.ts';

export const FILES: readonly string[] = [
  '{\n  // comment\n  "mcpServers": { "a": { "command": "node", "args": ["${HOME:-x}"] }, "b": { "url": "https://x.example/mcp" } },\n  "listen": { "port": 7420 }\n}',
  'mcpServers:\n  a: &x { command: node, env: { A: "${file:/x}" } }\n  b: *x\npolicy:\n  rules:\n    - { effect: allow, tools: ["a__*"], when: "true" }\nlimits: { rate: { perPrincipal: 10/m } }\n',
  '[mcpServers.a]\ncommand = "node"\nargs = ["-e", """\n1"""]\n[[policy.rules]]\neffect = "deny"\n[listen]\nport = 0x10\n',
  '{"servers":{"__proto__":{"command":"x"},"a":{"type":"stdio","command":"x","disabled":true}},"auth":{"mode":["key"]}}',
];

export async function checkFile(text: string, random: (below: number) => number): Promise<void> {
  const format = (['json', 'yaml', 'toml'] as const)[random(3)] ?? 'json';
  const { entry, problems } = checkDraft(await draftOf(`x.${format}`, text, format), { env: {}, files: new Map() });
  // Whatever is taken is taken whole.
  assert.equal(entry === undefined, problems.length > 0);
  for (const { message } of problems) assert(message.length > 0);
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.equal(({} as Readonly<Record<string, unknown>>)['command'], undefined);
}
