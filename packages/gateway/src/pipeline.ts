/**
 * The ordered route of a call. A newcomer starts reading here: the order is the design, and each line says why it
 * stands where it does. What a step does is in the room or file that it comes from; the wiring is in modules.ts.
 */

import type { Answer, Exchange } from '@sallyport/server';
import type { Audit } from './audit/index.ts';
import { compose, type Call, type Next, type Step } from './call.ts';
import { failureAnswer, Refused, type LogFailure } from './errors.ts';
import type { InnerCall } from './meta.ts';
import type { Measure } from './telemetry/measure.ts';

/** The steps, by the names that stand in the route. */
export interface Steps {
  /** Refuses new calls while the gateway drains, so that those under way can end. */
  readonly drain: Step;
  /** Rates, quota and concurrency of the principal, and rates in all. */
  readonly admit: Step;
  /** Gives back what those two took, when the call has ended. */
  readonly leave: (call: Call) => void;
  /** Results that cost more than their budget are kept, and read in pieces. */
  readonly clip: Step;
  /**
   * Takes calls of the gateway's own tools: true for those that `answerOwn` answers. One that stands for another call goes on as
   * that one.
   */
  readonly beginOwn: (call: Call) => boolean;
  readonly answerOwn: Step;
  /** Name or URI → canonical id and server. */
  readonly resolve: Step;
  /** Allow, deny or ask, by canonical id. */
  readonly authorize: Step;
  /** What destroys is asked about where a model finds tools by itself. */
  readonly caution: Step;
  /** Rates per tool and server. */
  readonly admitTarget: Step;
  /** Whether interceptors are asked about calls. */
  readonly intercepts: () => boolean;
  /** Interceptors look at the arguments. What they change is decided once more. */
  readonly interceptBefore: Step;
  /** Interceptors look at the result. */
  readonly interceptAfter: Step;
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
  /** What is shown instead of the tools. */
  readonly discover: Step;
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
  /** Answers a call that is made in the midst of another one. Never rejects. */
  readonly inner: InnerCall;
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

/** `isIntercepted`: nothing of interceptors is on the way of calls where there are none. */
function callRoute(steps: Steps, head: readonly Step[], isIntercepted: boolean): Next {
  return compose([
    ...head,
    steps.resolve, // a pure look-up in what the principal may see: the policy needs the target
    steps.authorize, // before anything is spent on the call or told about it
    steps.caution, // makes a question of what the policy let pass by default, so before anybody is asked
    steps.admitTarget, // what is refused takes nothing from those who may
    ...(isIntercepted ? [steps.interceptBefore] : []), // may refuse and change: so before a person is asked about what is sent
    steps.approve, // a person is asked only about a call that nothing else stops
    steps.login, // around all that follows: the rest is done again after a login, and nobody waits with a server's place
    steps.tasks, // outside of send: what comes back is sealed whatever way it took
    steps.isolate, // may ask the client for its project: nothing is asked for a call that is refused
    steps.guardIn, // before a place in the queue is taken: what no server will see needs none
    steps.takeTurn, // behind all that waits for a client or a person: they would wait with a place that others need
    steps.confirm, // what was allowed before somebody was waited for need not be so any more
    ...(isIntercepted ? [steps.interceptAfter] : []), // outside of the guard: it sees nothing that is kept back there
    steps.guardOut, // next to the server: whatever else looks at an answer looks at what passed
    steps.send, // last: everything that could refuse has had its turn
  ]);
}

const NOT_RECORDED = 'The call cannot be recorded at the moment, so it is not made or not answered.';

/** Which way each call goes. */
function createRoutes(steps: Steps): (call: Call) => Next {
  const head: readonly Step[] = [
    steps.drain, // before all else: nothing new begins in a gateway that stops
    steps.admit, // rates and concurrency of the principal, before any work is done for it
  ];
  const answered: readonly Step[] = [
    ...head,
    steps.clip, // around all that answers a call: what is kept has passed the guard, and is what its caller would have read
  ];
  const call = callRoute(steps, answered, false);
  const interceptedCall = callRoute(steps, answered, true);
  const list: Next = compose([
    ...head,
    steps.loginForList, // what a server lists for somebody is known only after that
    steps.discover, // what stands in place of the tools is made of what was seen just now
    steps.list,
  ]);
  const taskList: Next = compose([
    ...head,
    steps.guardOut, // what tasks say of themselves is a server's text like any other
    steps.taskList,
  ]);
  const session: Next = compose([...head, steps.session]);
  const own: Next = compose([...answered, steps.answerOwn]);
  // Its outer call is under way: it ends in a gateway that stops, and what it needs for that is not refused. A program reads the whole.
  const inner = callRoute(steps, [steps.admit], false);
  const interceptedInner = callRoute(steps, [steps.admit], true);

  return (current) => {
    if (current.outer !== undefined) return steps.intercepts() ? interceptedInner : inner;
    const { exchange } = current;
    const { method } = exchange.message;
    if (FOREIGN[exchange.era].has(method)) throw new Refused('method_not_found');
    // Before all steps: what stands for another call is that call to every one of them.
    const made = steps.intercepts() ? interceptedCall : call;
    if (method === 'tools/call') return steps.beginOwn(current) ? own : made;
    if (LISTS.has(method)) return list;
    if (method === 'tasks/list' && exchange.era === 'session') return taskList;
    return OWN.has(method) ? session : made;
  };
}

export function createPipeline(
  steps: Steps,
  log: LogFailure,
  measure: Measure<Call>,
  audit: Pick<Audit, 'blocked' | 'ended'>,
  /** Is told of every answer that is not recorded yet. */
  passed: (answer: Answer) => void,
): Pipeline {
  const routeOf = createRoutes(steps);

  /** What cannot be recorded does not happen. */
  const refuseUnrecorded = (): void => {
    const reason = audit.blocked();
    if (reason === undefined) return;
    throw new Refused('unavailable', NOT_RECORDED, { data: { reason: 'audit' }, detail: reason });
  };

  const run = async (current: Call): Promise<Answer> => {
    const beganMs = measure.begin();
    let answer: Answer;
    try {
      refuseUnrecorded();
      answer = await routeOf(current)(current);
    } catch (error) {
      answer = failureAnswer(error, current, log);
    }
    steps.leave(current);
    // Before the bytes of a large answer flow, what the ones before have left is cleared.
    passed(answer);
    // Around all: a refusal is counted too, and only here a failure has become what its client reads.
    measure.ended(current, answer, beganMs);
    // Around all as well: a refusal is recorded too. Where the trail is strict, no answer leaves before its record is kept.
    const recorded = audit.ended(current, answer, measure.begin() - beganMs);
    if (recorded === undefined || (await recorded)) return current.via?.told?.(answer, current) ?? answer;
    if (answer.kind === 'result') answer.rest?.cancel();
    return failureAnswer(new Refused('unavailable', NOT_RECORDED, { data: { reason: 'audit' } }), current, log);
  };

  return {
    handle: (exchange) => run({ exchange }),
    inner: (outer, exchange) => run({ exchange, outer }),
  };
}
