/**
 * Which task waits for which. Setup comes before the foundation, that before the stories, those before the polish; stories do
 * not wait for each other, and a convergence phase waits for all before it. Inside a phase tasks follow one another, but a run
 * of `[P]` tasks goes together. A task that names what it depends on waits for that, and for earlier phases, only.
 *
 * Steps and phases are nodes of their own between the tasks, so the graph stays as large as the file and no larger.
 */
import { parseTasks, type Phase, type Task, type Tasks } from '../grammar/tasks.ts';

export interface TaskGraph {
  /** What it was made of. */
  readonly source: Tasks;
  readonly tasks: readonly Task[];
  readonly phases: readonly Phase[];
  readonly byId: ReadonlyMap<string, Task>;
  /** Ids of unfinished tasks a task waits for, nearest first; empty when it can begin. */
  blockers(task: Task): readonly string[];
  /** Pending tasks that can begin now, in the order of the file. */
  readonly ready: readonly Task[];
  /** Ids along one cycle, the first repeated at the end; undefined when there is none. */
  readonly cycle: readonly string[] | undefined;
  /** The longest chain of unfinished tasks by effort (1 where none is given); empty with a cycle. */
  criticalPath(): readonly string[];
  /** Direct edges between tasks for drawings, `from` before `to`. A run of many goes through a step node, which is drawn too. */
  edges(shown: ReadonlySet<string>): readonly { readonly from: string; readonly to: string }[];
}

interface Node {
  /** Of a task: its id. Of a step or phase: a name no task has. */
  readonly key: string;
  readonly task: Task | undefined;
  readonly after: readonly string[];
}

const RANK: Readonly<Record<Phase['kind'], number>> = {
  setup: 0,
  foundational: 1,
  story: 2,
  other: 2,
  polish: 3,
  convergence: 4,
};

/** The phases that must be over before a phase begins. A phase of no known kind keeps its place in the file. */
function phasesBefore(phase: Phase, phases: readonly Phase[]): Phase[] {
  const earlier = phases.filter(({ index }) => index < phase.index);
  if (phase.kind === 'other') return earlier;
  const rank = RANK[phase.kind];
  if (phase.kind === 'convergence') return earlier;
  // One of no known kind that comes later waits for this one.
  const lower = phases.filter(
    ({ index, kind }) =>
      kind !== 'convergence' && RANK[kind] < rank && (kind === 'other' ? index < phase.index : index !== phase.index),
  );
  return [...lower, ...earlier.filter((other) => other.kind === 'other' && RANK[other.kind] >= rank)];
}

const phaseKey = (index: number): string => `phase ${index} done`;

/** A run of neighbouring `[P]` tasks is one step, every other task is one alone. Tasks with dependencies of their own are none. */
function stepsOf(tasks: readonly Task[]): Task[][] {
  const steps: Task[][] = [];
  let together = false;
  for (const task of tasks) {
    if (task.dependsOn.length > 0) continue;
    const last = steps.at(-1);
    if (task.parallel && together && last !== undefined) last.push(task);
    else steps.push([task]);
    together = task.parallel;
  }
  return steps;
}

type Add = (key: string, task: Task | undefined, after: readonly string[]) => void;

/** The tasks of one phase, each step behind the one before it; `gates` are the phases that come first. */
function addPhase(add: Add, index: number, members: readonly Task[], gates: readonly string[]): void {
  let previous = gates;
  for (const [number, step] of stepsOf(members).entries()) {
    for (const task of step) add(task.id, task, previous);
    const ids = step.map(({ id }) => id);
    const joined = `phase ${index} step ${number}`;
    if (ids.length > 1) add(joined, undefined, ids);
    previous = ids.length > 1 ? [joined] : ids;
  }
  for (const task of members) if (task.dependsOn.length > 0) add(task.id, task, [...gates, ...task.dependsOn]);
}

function nodesOf({ tasks, phases }: Tasks): Map<string, Node> {
  const nodes = new Map<string, Node>();
  const add: Add = (key, task, after) => {
    if (!nodes.has(key)) nodes.set(key, { key, task, after });
  };
  const groups = Map.groupBy(tasks, ({ phase }) => phase);
  addPhase(add, -1, groups.get(-1) ?? [], []);
  for (const phase of phases) {
    const members = groups.get(phase.index) ?? [];
    const gates = phasesBefore(phase, phases).map(({ index }) => phaseKey(index));
    addPhase(add, phase.index, members, gates);
    add(phaseKey(phase.index), undefined, [...gates, ...members.map(({ id }) => id)]);
  }
  return nodes;
}

/** Who waits for each node, and for how many it waits itself. */
function arrowsOf(nodes: ReadonlyMap<string, Node>): {
  readonly followers: ReadonlyMap<string, readonly string[]>;
  readonly waiting: Map<string, number>;
} {
  const waiting = new Map<string, number>();
  const followers = new Map<string, string[]>();
  for (const { key, after } of nodes.values()) {
    let known = 0;
    for (const name of after) {
      if (!nodes.has(name)) continue;
      known += 1;
      const list = followers.get(name);
      if (list === undefined) followers.set(name, [key]);
      else list.push(key);
    }
    waiting.set(key, known);
  }
  return { followers, waiting };
}

/** Nodes in an order in which each comes after what it waits for; those on or behind a cycle are missing. */
function sorted(nodes: ReadonlyMap<string, Node>): Node[] {
  const { followers, waiting } = arrowsOf(nodes);
  const order: Node[] = [];
  for (const node of nodes.values()) if (waiting.get(node.key) === 0) order.push(node);
  // The list grows while it is walked: what comes free is put at its end.
  for (const node of order) {
    for (const key of followers.get(node.key) ?? []) {
      const left = (waiting.get(key) ?? 0) - 1;
      waiting.set(key, left);
      const next = nodes.get(key);
      if (left === 0 && next !== undefined) order.push(next);
    }
  }
  return order;
}

function cycleOf(nodes: ReadonlyMap<string, Node>, order: readonly Node[]): readonly string[] | undefined {
  if (order.length === nodes.size) return undefined;
  const done = new Set(order.map(({ key }) => key));
  const start = [...nodes.values()].find(({ key }) => !done.has(key));
  const path: string[] = [];
  const seen = new Map<string, number>();
  let key = start?.key;
  while (key !== undefined && !seen.has(key)) {
    seen.set(key, path.length);
    path.push(key);
    key = nodes.get(key)?.after.find((name) => nodes.has(name) && !done.has(name));
  }
  const loop = path.slice(key === undefined ? 0 : seen.get(key)).filter((name) => nodes.get(name)?.task !== undefined);
  // Found against the arrows; told along them.
  const along = loop.toReversed();
  return along[0] === undefined ? [] : [...along, along[0]];
}

const effortOf = (task: Task | undefined): number => {
  if (task === undefined || task.status === 'completed') return 0;
  const effort = Number.parseFloat(task.metadata.get('effort') ?? '1');
  return Number.isFinite(effort) && effort > 0 ? effort : 1;
};

function longest(nodes: ReadonlyMap<string, Node>, order: readonly Node[]): readonly string[] {
  const lengths = new Map<string, number>();
  const before = new Map<string, string>();
  const lengthOf = (key: string | undefined): number => (key === undefined ? 0 : (lengths.get(key) ?? 0));
  let end: string | undefined;
  for (const { key, task, after } of order) {
    let from: string | undefined;
    for (const name of after) if (lengthOf(name) > lengthOf(from)) from = name;
    if (from !== undefined) before.set(key, from);
    lengths.set(key, lengthOf(from) + effortOf(task));
    if (lengthOf(key) > lengthOf(end)) end = key;
  }
  const path: string[] = [];
  for (let key = end; key !== undefined; key = before.get(key)) {
    const task = nodes.get(key)?.task;
    if (task !== undefined && task.status !== 'completed') path.push(key);
  }
  return path.toReversed();
}

/** Walks up from a node through steps and phases to the tasks above it. */
function* tasksAbove(nodes: ReadonlyMap<string, Node>, start: Node, stop: (task: Task) => boolean): Generator<string> {
  const seen = new Set<string>([start.key]);
  const open = [...start.after];
  for (let key = open.shift(); key !== undefined; key = open.shift()) {
    const node = nodes.get(key);
    if (node === undefined || seen.has(key)) continue;
    seen.add(key);
    if (node.task !== undefined && stop(node.task)) yield node.key;
    else open.push(...node.after);
  }
}

/** Whether everything a node waits for is completed, told once per node. */
function completion(order: readonly Node[]): (key: string) => boolean {
  const done = new Map<string, boolean>();
  for (const { key, task, after } of order) {
    done.set(key, task === undefined ? after.every((name) => done.get(name) !== false) : task.status === 'completed');
  }
  return (key) => done.get(key) !== false;
}

/** An edge that a longer way says already is left out. */
function drawnEdges(
  nodes: ReadonlyMap<string, Node>,
  order: readonly Node[],
  shown: ReadonlySet<string>,
): { from: string; to: string }[] {
  const edges: { from: string; to: string }[] = [];
  const above = new Map<string, ReadonlySet<string>>();
  for (const node of order) {
    if (node.task === undefined || !shown.has(node.key)) continue;
    const direct = [...tasksAbove(nodes, node, ({ id }) => shown.has(id))];
    const further = new Set(direct.flatMap((key) => [...(above.get(key) ?? [])]));
    for (const from of direct) if (!further.has(from)) edges.push({ from, to: node.key });
    above.set(node.key, new Set([...direct, ...further]));
  }
  return edges;
}

export function graphOf(tasks: Tasks): TaskGraph {
  const nodes = nodesOf(tasks);
  const order = sorted(nodes);
  const cycle = cycleOf(nodes, order);
  const isDone = completion(order);
  const canBegin = ({ id }: Task): boolean =>
    nodes.get(id)?.after.every((key) => !nodes.has(key) || isDone(key)) === true;
  return {
    source: tasks,
    tasks: tasks.tasks,
    phases: tasks.phases,
    byId: new Map(tasks.tasks.map((task) => [task.id, task])),
    blockers(task) {
      const node = nodes.get(task.id);
      return node === undefined ? [] : [...tasksAbove(nodes, node, ({ status }) => status !== 'completed')];
    },
    ready: cycle === undefined ? tasks.tasks.filter((task) => task.status === 'pending' && canBegin(task)) : [],
    cycle,
    criticalPath: () => (cycle === undefined ? longest(nodes, order) : []),
    edges: (shown) => drawnEdges(nodes, order, shown),
  };
}

/** For `derive` of a workspace. */
export const graphOfText = (text: string): TaskGraph => graphOf(parseTasks(text));
