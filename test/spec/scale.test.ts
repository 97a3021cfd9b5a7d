/** Two agents, each with a server process of its own, writing to one project at once: nothing is lost, no number is given twice. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONSTITUTION, PLAN, SPEC } from '../../packages/spec/src/testing/sample.ts';
import { type Caller, makeSite, overStdio, type Told } from './support.ts';

const TASKS = 60;
const id = (number: number): string => `T${String(number).padStart(3, '0')}`;

function manyTasks(): string {
  const line = (number: number): string =>
    `- [ ] ${id(number)} [US${number % 2 === 0 ? 2 : 1}] Do part ${number} (FR-00${1 + (number % 3)}) in src/part${number}.ts`;
  const of = (odd: boolean): string =>
    Array.from({ length: TASKS }, (_, index) => index + 1)
      .filter((number) => (number % 2 === 1) === odd)
      .map(line)
      .join('\n');
  return `# Tasks: Note keeping\n\n## Phase 1: User Story 1 - Write a note (Priority: P1)\n\n${of(true)}\n\n## Phase 2: User Story 2 - Search notes (Priority: P2)\n\n${of(false)}\n`;
}

/** Repeats a call that lost against the other agent, as an agent is told to. */
async function insist(caller: Caller, name: string, args: Record<string, unknown>): Promise<Told> {
  for (;;) {
    const told = await caller.tell(name, args);
    if (!told.refused || !/\((?:conflict|busy)\)$/.test(told.text)) return told;
  }
}

describe('two agents at once', () => {
  it('lose no tick, no feature, no research and no question', async () => {
    await using site = await makeSite();
    await using ann = await overStdio(site);
    await using bob = await overStdio(site);
    await ann.call('constitution_write', { content: CONSTITUTION });
    await ann.call('feature_create', { description: 'Keep short notes', shortName: 'note-keeping', content: SPEC });
    await ann.call('plan_write', { plan: PLAN });
    await ann.call('tasks_write', { content: manyTasks() });
    const feature = '001-note-keeping';
    const works = async (caller: Caller, name: string, half: number): Promise<readonly Told[]> => {
      const told: Told[] = [];
      for (let number = 1 + half; number <= TASKS; number += 2)
        told.push(await insist(caller, 'tasks_tick', { taskId: id(number), feature }));
      for (let number = 0; number < 8; number += 1) {
        told.push(
          await insist(caller, 'feature_create', {
            description: `Part ${number} of ${name}`,
            shortName: `${name}-${number}`,
          }),
        );
        told.push(await insist(caller, 'feature_use', { feature }));
        told.push(
          await insist(caller, 'clarify_add', {
            question: `What of ${name} ${number}?`,
            specPath: `specs/${feature}/spec.md`,
          }),
        );
        told.push(
          await insist(caller, 'checklist_write', {
            domain: 'shared',
            items: [{ category: 'Limits', text: `Is a limit of ${name} ${number} defined? [Gap]` }],
            feature,
          }),
        );
      }
      return told;
    };
    const all = (await Promise.all([works(ann, 'ann', 0), works(bob, 'bob', 1)])).flat();
    expect(all.filter(({ refused }) => refused).map(({ text }) => text)).toEqual([]);
    expect(await ann.call('tasks_stats', { tasksPath: `specs/${feature}/tasks.md` })).toMatchObject({
      total: TASKS,
      completed: TASKS,
    });
    const folders = (await readdir(join(site.folder, 'specs'))).toSorted();
    expect(folders).toHaveLength(17);
    expect(new Set(folders.map((name) => name.slice(0, 3))).size).toBe(17);
    const questions = JSON.parse(await site.read(`specs/${feature}/clarifications.json`)) as {
      clarifications?: { id: string }[];
    };
    expect(await bob.call('clarify_list', { feature })).toMatchObject({ total: 16 });
    expect(new Set(questions.clarifications?.map(({ id: one }) => one)).size).toBe(16);
    const checklist = await site.read(`specs/${feature}/checklists/shared.md`);
    expect(new Set(checklist.match(/CHK\d{3}/g)).size).toBe(16);
    expect(JSON.parse(await site.read('.specify/feature.json'))).toHaveProperty('feature_directory');
  }, 120_000);
});
