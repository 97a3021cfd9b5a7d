/**
 * Approval: where the policy asks, a person says yes or no before the server hears anything. A session is asked in the midst
 * of its call, a stateless client in a round of its own (2026-07-28, "Multi round-trip requests"). A yes is good for one
 * call of one caller with these very arguments; what the server itself asks meanwhile goes on under it, round by round.
 */

import type { Answer, ClientReply, Exchange } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Call, Next, Step } from '../call.ts';
import { Refused } from '../errors.ts';
import { withParams } from '../restated.ts';
import { askInRound, boundTo, canAskInRound, paramsDigest, replyInRound, type Sealing } from '../round.ts';

export interface ApproveOptions extends Sealing {
  /** Whether the client of a call can put a form before a person. */
  readonly canAsk: (call: Call) => boolean;
  /** Asks the client of a session, for as long as a person may take. */
  readonly ask: (exchange: Exchange, method: string, params: JsonObject) => Promise<ClientReply>;
  /** True for the one who uses a nonce first, in whatever process. */
  readonly use: (nonce: string, expiresAtMs: number) => Promise<boolean>;
  /** How long a stateless client may take. */
  readonly requestStateMs: () => number;
  /** The parameters of a call as its server will get them. */
  readonly sent: (call: Call) => JsonObject;
  /** What an approval is good for besides: the life of this process, where what was used is forgotten with it. */
  readonly salt: string;
  /** Nobody guesses it. */
  readonly randomId: () => string;
  readonly now: () => number;
}

/** The key of our question among the input requests of a server. */
const KEY = 'sallyport-approval';
const METHOD = 'elicitation/create';

/** Characters of the arguments that a person is shown. */
const MAX_SHOWN = 4000;

const AGAIN = 'Send the request again without requestState.';

export function createApprove(options: ApproveOptions): Step {
  const approval = new Approval(options);
  return (call, next) => (call.decision?.effect === 'ask' ? approval.approve(call, next) : next(call));
}

interface Ticket {
  readonly nonce: string;
  readonly expiresAtMs: number;
}

class Approval {
  readonly #options: ApproveOptions;

  constructor(options: ApproveOptions) {
    this.#options = options;
  }

  async approve(call: Call, next: Next): Promise<Answer> {
    const { exchange } = call;
    if (canAskInRound(exchange)) return await this.#inRounds(call, next);
    if (exchange.era === 'stateless' || !this.#options.canAsk(call)) throw new Refused('refused', CANNOT_ASK);
    exchange.hold();
    const reply = await this.#options.ask(exchange, METHOD, this.#question(call));
    if ('error' in reply) throw new Refused('refused', 'Nobody approved the call.', { detail: reply.error.message });
    check(reply.result);
    // A yes that comes when nobody waits for the call any more starts nothing.
    if (exchange.cancelled) throw new Refused('refused', 'The call was cancelled.');
    return await next(call);
  }

  async #inRounds(call: Call, next: Next): Promise<Answer> {
    const { exchange } = call;
    const digest = paramsDigest(exchange.message.params ?? {});
    const bound = (purpose: string): string =>
      JSON.stringify([boundTo(purpose, exchange), call.target?.canonicalId, digest, this.#options.salt]);
    const approved = bound('approved');
    const goesOn = this.#opened(exchange, approved);
    if (goesOn !== undefined) {
      await this.#use(goesOn);
      call.exchange = withParams(exchange, { requestState: goesOn.requestState });
      return this.#keptApproved(await next(call), approved);
    }
    const asked = bound('approval');
    const reply = replyInRound(exchange, KEY, asked, this.#options.unseal);
    if (reply === undefined) {
      if (!this.#options.canAsk(call)) throw new Refused('refused', CANNOT_ASK);
      const ticket = { ...this.#ticket() };
      return askInRound(
        exchange,
        { key: KEY, method: METHOD, params: this.#question(call) },
        ticket,
        asked,
        this.#options.seal,
      );
    }
    await this.#use(reply.data as unknown as Ticket);
    check(reply.response);
    call.exchange = reply.exchange;
    return this.#keptApproved(await next(call), approved);
  }

  /** What a person is asked. All that comes from elsewhere stands in it as JSON, in characters that can be seen. */
  #question(call: Call): JsonObject {
    const { decision, exchange, target } = call;
    const name = visible(JSON.stringify(target?.original ?? exchange.message.method));
    const sent = Object.entries(this.#options.sent(call)).filter(([key]) => !NOT_SHOWN.has(key));
    const only = sent.length === 1 && sent[0]?.[0] === 'arguments' ? sent[0][1] : Object.fromEntries(sent);
    const given = visible(JSON.stringify(only, null, 1));
    const rest = given.length - MAX_SHOWN;
    const shown = rest <= 0 ? given : `${given.slice(0, MAX_SHOWN)}\n… and ${rest} more characters`;
    const reason = decision?.reason === undefined ? '' : `\nWhy you are asked: ${visible(decision.reason)}`;
    return {
      message: `Allow ${name} of the server "${target?.server ?? ''}" to be called with these arguments?\n${shown}${reason}`,
      requestedSchema: {
        type: 'object',
        properties: { approve: { type: 'boolean', title: 'Allow this call, once', default: false } },
        required: ['approve'],
      },
    };
  }

  /** The state of an approved call in the midst of a server's own rounds. */
  #opened(exchange: Exchange, bound: string): (Ticket & { readonly requestState: JsonValue | undefined }) | undefined {
    const state = exchange.message.params?.['requestState'];
    const plain = typeof state === 'string' ? this.#options.unseal(state, bound) : undefined;
    if (plain === undefined) return undefined;
    return JSON.parse(plain) as Ticket & { requestState: JsonValue | undefined };
  }

  /** A server that asks for input gets it under the same approval, once. */
  #keptApproved(answer: Answer, bound: string): Answer {
    const result = inputRequired(answer);
    if (result === undefined) return answer;
    const plain = JSON.stringify({ ...this.#ticket(), requestState: result['requestState'] });
    return { kind: 'value', result: { ...result, requestState: this.#options.seal(plain, bound) } };
  }

  #ticket(): Ticket {
    const { now, randomId, requestStateMs } = this.#options;
    return { nonce: randomId(), expiresAtMs: now() + requestStateMs() };
  }

  async #use({ nonce, expiresAtMs }: Ticket): Promise<void> {
    const { now, use } = this.#options;
    if (now() >= expiresAtMs) throw new Refused('invalid_params', `The approval has expired. ${AGAIN}`);
    if (!(await use(nonce, expiresAtMs))) {
      throw new Refused('invalid_params', `The approval was used already: it is good for one call. ${AGAIN}`);
    }
  }
}

const CANNOT_ASK =
  'A person must approve this call, and this client cannot ask one: it does not offer elicitation. A rule of the policy can allow it.';

/** Throws unless a person said yes. */
function check(result: JsonValue): void {
  const content = isObject(result) && result['action'] === 'accept' ? result['content'] : undefined;
  if (!isObject(content) || content['approve'] !== true) throw new Refused('refused', 'The call was not approved.');
}

/** Members of the parameters that are between the client and the gateway. */
const NOT_SHOWN: ReadonlySet<string> = new Set(['_meta', 'inputResponses', 'requestState', 'name']);

/** What does not show a person what is sent: controls, marks that turn text around or take no room, odd spaces. */
const UNSEEN = /[^\P{C}\n]|\p{Default_Ignorable_Code_Point}|[\p{Zl}\p{Zp}\u2800]|[^\P{Zs} ]/gu;

function visible(text: string): string {
  return text.replaceAll(UNSEEN, (mark) =>
    [...Array(mark.length).keys()].map((at) => `\\u${mark.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

const INPUT_REQUIRED: Buffer = Buffer.from('"input_required"');

/** The result of a server that asks for input; undefined for any other answer. What still flows is none. */
function inputRequired(answer: Answer): JsonObject | undefined {
  const result = answer.kind === 'value' ? answer.result : parsed(answer);
  return result?.['resultType'] === 'input_required' ? result : undefined;
}

function parsed(answer: Answer): JsonObject | undefined {
  if (answer.kind !== 'result' || answer.rest !== undefined) return undefined;
  const { before, after } = answer;
  if (!before.includes(INPUT_REQUIRED) && !after.includes(INPUT_REQUIRED)) return undefined;
  const { result } = JSON.parse(`${before.toString()}0${after.toString()}`) as { result?: JsonValue };
  return isObject(result) ? result : undefined;
}
