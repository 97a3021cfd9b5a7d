/** What is seen on a wire, message for message, and waited for. Nothing here knows an era. */
import type { IncomingHttpHeaders } from 'node:http';
import { createInbox } from '../support/inbox.ts';
import type { Inbox } from '../support/inbox.ts';

export type Json = Record<string, unknown>;
export type Id = string | number;

export interface Message {
  readonly id?: Id;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Json };
}

export interface Seen {
  /** `in`: what the gateway said. `out`: what this side said. */
  readonly direction: 'in' | 'out';
  readonly text: string;
  readonly message: Message;
  /** Of the HTTP request or response that carried it; empty on stdio and for what this side said. */
  readonly headers: IncomingHttpHeaders;
  /** The request whose stream carried it, where a client can tell. */
  readonly via: Id | undefined;
}

export interface Tape extends Inbox<Seen> {
  heard(text: string, headers?: IncomingHttpHeaders, via?: Id): Message;
  /** Returns the text to send. */
  said(message: Message): string;
  /** Everything that came in since `from` (an index of `items`), oldest first. */
  incoming(from?: number): Seen[];
}

export function createTape(): Tape {
  const inbox = createInbox<Seen>();
  return {
    ...inbox,
    heard: (text, headers = {}, via) => {
      const message = JSON.parse(text) as Message;
      inbox.push({ direction: 'in', text, message, headers, via });
      return message;
    },
    said: (message) => {
      const text = JSON.stringify({ jsonrpc: '2.0', ...message });
      inbox.push({ direction: 'out', text, message, headers: {}, via: undefined });
      return text;
    },
    incoming: (from = 0) => inbox.items.slice(from).filter(({ direction }) => direction === 'in'),
  };
}

export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function metaOf({ params }: Message): Json {
  return objectOf(params?.['_meta']);
}

/** A value of a message in words. */
export function textFor(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

/** The text of a result's only content block. */
export function textOf(message: Message): string {
  const blocks = message.result?.['content'];
  const block: unknown = Array.isArray(blocks) && blocks.length === 1 ? blocks[0] : undefined;
  const { text } = objectOf(block) as { text?: unknown };
  if (typeof text !== 'string') throw new Error(`no single block of text: ${JSON.stringify(message)}`);
  return text;
}
