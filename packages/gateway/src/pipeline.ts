/**
 * The ordered route of a call. A newcomer starts reading here: the order is the design, and each line says why it
 * stands where it does. What a step does is in the room or file that it comes from; the wiring is in modules.ts.
 */

import type { Answer, Exchange } from '@sallyport/server';
import type { Audit } from './audit/index.ts';
import { compose, type Call, type Next, type Step } from './call.ts';
import { failureAnswer, Refused, type LogFailure } from './errors.ts';
import type { Measure } from './telemetry/measure.ts';

/** The steps, by the names that stand in the route. */
export interface Steps {
  /** Refuses new calls while the gateway drains, so that those under way can end. */
  readonly drain: Step;
  /** Rates, quota and concurrency of the principal, and rates in all. */
  readonly admit: Step;
  /** Name or URI → canonical id and server. */
  readonly resolve: Step;
  /** Allow, deny or ask, by canonical id. */
  readonly authorize: Step;
  /** Rates per tool and server. */
  readonly admitTarget: Step;
  /** A person says yes or no, where the policy asks. */
  readonly approve: Step;
  /** Somebody logs in at the server, where it wants that first. */
  readonly login: Step;
  /** Ids of tasks are opened and sealed for this caller. */
  readonly tasks: Step;
  /** Which instance of a server that its clients do not share. */
  readonly isolate: Step;
  /** Arguments against the schema of their tool, and secrets in them. */
  readonly guardIn: Step;
  /** The queue of the server. */
  readonly takeTurn: Step;
  /** The decision once more, where the policy has changed while the call waited; and that its tool is still the same. */
  readonly confirm: Step;
  /** What the server answers, before anybody reads it. */
  readonly guardOut: Step;
  /** To the server, and the answer back. */
  readonly send: Step;
  /** The same before a list, where a program may open the page: no longer than a list may take. */
  readonly loginForList: Step;
  /** The lists, from the catalogue. */
  readonly list: Step;
  /** The caller's tasks, from every server that lists tasks. */
  readonly taskList: Step;
  /** What concerns the client's own session or stream: log level, subscriptions. */
  readonly session: Step;
}

export interface Pipeline {
  /** Answers any request. Never rejects. */
  handle(exchange: Exchange): Promise<Answer>;
}

const LISTS: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
]);

/** What a client says about its own session or stream. */
const OWN: ReadonlySet<string> = new Set([
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
]);

/** Opening and keep-alive of the other era: unknown in this one. */
const FOREIGN: Readonly<Record<Exchange['era'], ReadonlySet<string>>> = {
  session: new Set(['server/discover', 'subscriptions/listen']),
  stateless: new Set([
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
    'tasks/list',
    'tasks/result',
  ]),
};

function callRoute(steps: Steps, head: readonly Step[]): Next {
  return compose([
    ...head,
    steps.resolve, // a pure look-up in what the principal may see: the policy needs the target
    steps.authorize, // before anything is spent on the call or told about it
    steps.admitTarget, // what is refused takes nothing from those who may
    steps.approve, // a person is asked only about a call that nothing else stops
    steps.login, // around all that follows: the rest is done again after a login, and nobody waits with a server's place
    steps.tasks, // outside of send: what comes back is sealed whatever way it took
    steps.isolate, // may ask the client for its project: nothing is asked for a call that is refused
    steps.guardIn, // before a place in the queue is taken: what no server will see needs none
    steps.takeTurn, // behind all that waits for a client or a person: they would wait with a place that others need
    steps.confirm, // what was allowed before somebody was waited for need not be so any more
    steps.guardOut, // next to the server: whatever else looks at an answer looks at what passed
    steps.send, // last: everything that could refuse has had its turn
  ]);
}

const NOT_RECORDED = 'The call cannot be recorded at the moment, so it is not made or not answered.';

export function createPipeline(
  steps: Steps,
  log: LogFailure,
  measure: Measure<Call>,
  audit: Pick<Audit, 'blocked' | 'ended'>,
): Pipeline {
  const head: readonly Step[] = [
    steps.drain, // before all else: nothing new begins in a gateway that stops
    steps.admit, // rates and concurrency of the principal, before any work is done for it
  ];
  const call = callRoute(steps, head);
  const list: Next = compose([
    ...head,
    steps.loginForList, // what a server lists for somebody is known only after that
    steps.list,
  ]);
  const taskList: Next = compose([...head, steps.taskList]);
  const session: Next = compose([...head, steps.session]);

  const routeOf = (exchange: Exchange): Next => {
    const { method } = exchange.message;
    if (FOREIGN[exchange.era].has(method)) throw new Refused('method_not_found');
    if (LISTS.has(method)) return list;
    if (method === 'tasks/list' && exchange.era === 'session') return taskList;
    return OWN.has(method) ? session : call;
  };

  /** What cannot be recorded does not happen. */
  const refuseUnrecorded = (): void => {
    const reason = audit.blocked();
    if (reason === undefined) return;
    throw new Refused('unavailable', NOT_RECORDED, { data: { reason: 'audit' }, detail: reason });
  };

  return {
    handle: async (exchange) => {
      const current: Call = { exchange };
      const beganMs = measure.begin();
      let answer: Answer;
      try {
        refuseUnrecorded();
        answer = await routeOf(exchange)(current);
      } catch (error) {
        answer = failureAnswer(error, current, log);
      }
      // Around all: a refusal is counted too, and only here a failure has become what its client reads.
      measure.ended(current, answer, beganMs);
      // Around all as well: a refusal is recorded too. Where the trail is strict, no answer leaves before its record is kept.
      const recorded = audit.ended(current, answer, measure.begin() - beganMs);
      if (recorded === undefined || (await recorded)) return answer;
      if (answer.kind === 'result') answer.rest?.cancel();
      return failureAnswer(new Refused('unavailable', NOT_RECORDED, { data: { reason: 'audit' } }), current, log);
    },
  };
}
