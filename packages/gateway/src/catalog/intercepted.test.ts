import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { ListFilter } from './intercepted.ts';
import { roomOf, server, setupOf, source } from './testing/rooms.ts';

const listed: readonly JsonObject[] = [
  { name: 'one', description: 'What the server says.', inputSchema: {} },
  { name: 'two', description: 'What the server says.', inputSchema: {} },
  { name: 'told', description: 'What the server says.', inputSchema: {} },
];

describe('a catalogue whose lists are intercepted', () => {
  it('shows what is left and withholds the rest; pins judge what the server said', async () => {
    const verdicts: Record<string, ReturnType<ListFilter['verdict']>> = {
      one: { description: 'Short.' },
      two: { hidden: 'taken out' },
      told: { description: 'Short.' },
    };
    let version = 0;
    const shown: JsonObject[] = [];
    const judged: JsonObject[] = [];
    const changed: (() => void)[] = [];
    const { changes, room, turn, watched } = roomOf(
      setupOf([
        server('up', { tools: { deny: [], rename: {}, describe: { told: 'By the operator.' }, arguments: {} } }),
      ]),
      {
        filter: {
          verdict: (_server, tool) => {
            shown.push(tool);
            return verdicts[tool['name'] as string];
          },
          version: () => version,
        },
        pins: {
          table: new Map([
            [
              'up',
              (tool) => {
                judged.push(tool);
                return { state: 'approved', isFlagged: false, annotations: undefined };
              },
            ],
          ]),
          observe: async () => undefined,
          onChanged: (listener) => changed.push(listener),
        },
      },
    );
    watched.add('/mcp');
    await room.refresh('up', source({ said: { list: async (kind) => (kind === 'tools' ? listed : []) } }));
    const { catalog } = room.root;
    const descriptions = (): unknown[] =>
      [...room.root.catalog.tools.values()].map(({ name, shown: { description } }) => [name, description]);
    expect(descriptions()).toEqual([
      ['up__one', 'Short.'],
      ['up__told', 'By the operator.'],
    ]);
    expect(catalog.hidden).toEqual([{ server: 'up', what: 'two', reason: 'taken out' }]);
    expect(catalog.withholds('up__two', 'up')).toBe(true);
    expect(new Set([...shown, ...judged])).toEqual(new Set(listed));
    expect(shown).toHaveLength(3);
    turn();
    changes.length = 0;
    // Somebody has another opinion now: nobody has listed anything anew.
    verdicts['two'] = undefined;
    version++;
    for (const tell of changed) tell();
    turn();
    expect(changes).toEqual(['/mcp tools']);
    expect(descriptions()).toHaveLength(3);
    const { tools } = room.root.catalog;
    for (const tell of changed) tell();
    expect(room.root.catalog.tools).toBe(tools);
  });
});
