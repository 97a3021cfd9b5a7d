/** What an application does for servers that ask in the middle of a call: who fills in a form, who samples, which roots. */

import type { JsonObject } from '@sallyport/wire';
import type { FormContent, FormField, FormProblem } from './form.ts';
import type { ContentBlock } from './types.ts';

/** A server asks for a form to be filled in. Its texts are a stranger's: say which server asks. */
export interface FormRequest {
  /** Who asks: the name under which it was added to a `MultiClient`, else its command, or its URL without a query. */
  readonly server: string;
  readonly message: string;
  /** The form, in the order of the fields. */
  readonly fields: readonly FormField[];
  /** As the server sent it. */
  readonly requestedSchema: JsonObject;
  /** What was wrong with what the handler gave just before; empty the first time. */
  readonly problems: readonly FormProblem[];
  /** Aborted: the server does not want it any more, or time is over. */
  readonly signal: AbortSignal;
}

/** `decline`: the person said no. `cancel`: the person said nothing. */
export type Declined = { readonly action: 'decline' | 'cancel' };

/** Fields that are left out get their defaults. */
export type FormAnswer = { readonly action: 'accept'; readonly content: FormContent } | Declined;

/** A server asks for a page to be opened, in a browser of the person's own. What is entered there does not come this way. */
export interface UrlRequest {
  /** As in {@link FormRequest}. */
  readonly server: string;
  readonly message: string;
  /** `https:` or `http:`. Show it, and open it only when the person agrees. */
  readonly url: string;
  /** The event `elicitationComplete` names it when the page is done. */
  readonly elicitationId: string | undefined;
  readonly signal: AbortSignal;
}

export type UrlAnswer = { readonly action: 'accept' } | Declined;

export interface ElicitationHandlers {
  /**
   * What it gives is checked before it is sent. When it does not fit it is called again with the problems, five times in all;
   * then the server is told `cancel`.
   */
  readonly form?: (request: FormRequest) => FormAnswer | Promise<FormAnswer>;
  /**
   * In the session era also for a request that the server refuses until a page is done: the request is sent once more after
   * `accept`, so wait for the event `elicitationComplete` first where the page has to be done by then.
   */
  readonly url?: (request: UrlRequest) => UrlAnswer | Promise<UrlAnswer>;
}

/** `sampling/createMessage`: the server wants a model to go on. */
export interface SamplingRequest {
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: unknown }[];
  readonly maxTokens: number;
  readonly systemPrompt?: string;
  readonly temperature?: number;
  readonly stopSequences?: readonly string[];
  readonly [member: string]: unknown;
}

export interface SamplingResult {
  readonly role: 'assistant' | 'user';
  readonly content: ContentBlock | readonly ContentBlock[];
  /** The one that was used. */
  readonly model: string;
  readonly stopReason?: string;
}

export type SamplingHandler = (
  request: SamplingRequest,
  options: { readonly server: string; readonly signal: AbortSignal },
) => SamplingResult | Promise<SamplingResult>;

/** A folder that servers may take for the work at hand. */
export interface Root {
  /** `file:` */
  readonly uri: string;
  readonly name?: string;
}

/** Each is declared to servers as a capability when it is given, and not otherwise. */
export interface Handlers {
  readonly elicitation?: ElicitationHandlers;
  readonly sampling?: SamplingHandler;
  readonly roots?: readonly Root[] | (() => readonly Root[] | Promise<readonly Root[]>);
}
