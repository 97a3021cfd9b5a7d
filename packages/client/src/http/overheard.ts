/**
 * A dispatcher that tells of every message on its way over HTTP, for a wire log: bodies that are posted, bodies of answers, and
 * the events of streams. It changes nothing. What is too large to be kept is not told.
 */

import { createSseReader } from '@sallyport/wire';
import type { Dispatcher } from 'undici';
import { mediaType, type ResponseHeaders } from '../http-status.ts';
import type { OnWire } from '../upstream.ts';
import type { HttpDispatcher } from './dispatcher.ts';
import type { Exchange } from './exchange.ts';

const MAX_TOLD_BYTES = 1024 * 1024;

export function createOverheard(dispatcher: Dispatcher, onWire: OnWire): HttpDispatcher {
  return {
    dispatch: (request, exchange) => {
      if (request.body !== null) onWire('out', Buffer.from(request.body));
      dispatcher.dispatch(request, new Overheard(exchange, onWire));
    },
    close: () => dispatcher.close(),
    destroy: () => dispatcher.destroy(),
  };
}

/** What is told of a response. */
interface Ear {
  data(chunk: Buffer): void;
  end(): void;
}

class Overheard implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #onWire: OnWire;
  #ear: Ear | undefined;

  constructor(exchange: Exchange, onWire: OnWire) {
    this.#exchange = exchange;
    this.#onWire = onWire;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#exchange.onRequestStart(controller);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    this.#ear = mediaType(headers) === 'text/event-stream' ? earOfEvents(this.#onWire) : earOfBody(this.#onWire);
    this.#exchange.onResponseStart(controller, status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#ear?.data(chunk);
    this.#exchange.onResponseData(controller, chunk);
  }

  onResponseEnd(): void {
    this.#ear?.end();
    this.#exchange.onResponseEnd();
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#exchange.onResponseError(controller, error);
  }
}

function earOfEvents(onWire: OnWire): Ear {
  const reader = createSseReader({
    maxEventBytes: MAX_TOLD_BYTES,
    onEvent: ({ data }) => {
      if (data.length > 0) onWire('in', data);
    },
    onOversize: () => undefined,
  });
  return { data: (chunk) => reader.push(chunk), end: () => undefined };
}

function earOfBody(onWire: OnWire): Ear {
  const parts: Buffer[] = [];
  let bytes = 0;
  return {
    data: (chunk) => {
      bytes += chunk.length;
      // A copy: who reads it next may keep it.
      if (bytes <= MAX_TOLD_BYTES) parts.push(Buffer.from(chunk));
    },
    end: () => {
      if (bytes > 0 && bytes <= MAX_TOLD_BYTES) onWire('in', Buffer.concat(parts));
    },
  };
}
