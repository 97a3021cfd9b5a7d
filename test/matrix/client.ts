/** What every client of the matrix can do, whatever its revision: the words in which the cells are written. */
import type { Carrier } from './carrier.ts';
import type { Revision } from './revisions.ts';
import type { Id, Json, Message, Tape } from './wire.ts';

/** Answers a question of a server. */
export type AnswerQuestion = (method: string, params: Json | undefined) => Json | Promise<Json>;

export interface RequestOptions {
  readonly progressToken?: Id;
  /** Without it every question is a failure. */
  readonly onQuestion?: AnswerQuestion;
}

/** A request under way. */
export interface Asked {
  /** Of the message that was sent first. */
  readonly id: Id;
  /** Where the tape was when it was sent. */
  readonly from: number;
  /** The last message about it. */
  readonly answer: Promise<Message>;
  /** Takes it back in the way of the era; resolves when nothing more can come. */
  cancel(): Promise<void>;
}

export interface Subscription {
  /** The request that listens; undefined in the session era. */
  readonly id: Id | undefined;
  end(): Promise<void>;
}

export interface MatrixClient extends AsyncDisposable {
  readonly revision: Revision;
  readonly tape: Tape;
  readonly carrier: Carrier;
  /** What the gateway agreed to. */
  readonly negotiated: string;
  request(method: string, params?: Json, options?: RequestOptions): Asked;
  /** Log messages of this level and above are wanted from now on; undefined: none, which a session cannot say. */
  setLevel(level: string | undefined): Promise<void>;
  subscribe(uri: string): Promise<Subscription>;
}

/** A call of a tool of the matrix's servers. */
export function callTool(client: MatrixClient, name: string, tag: string, options?: RequestOptions): Asked {
  return client.request('tools/call', { name, arguments: { tag } }, options);
}
