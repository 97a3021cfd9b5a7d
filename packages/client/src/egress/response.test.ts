import type { Client, Dispatcher } from 'undici';
import { expect, it } from 'vitest';
import { send } from './response.ts';

const CHUNK = Buffer.alloc(32 * 1024);

it('pauses the connection while nobody reads, and goes on when somebody does', async () => {
  const events: string[] = [];
  const controller = {
    pause: () => events.push('pause'),
    resume: () => events.push('resume'),
    abort: () => events.push('abort'),
  } as unknown as Dispatcher.DispatchController;
  const handlers: Dispatcher.DispatchHandler[] = [];
  const client = {
    dispatch: (_request: object, handler: Dispatcher.DispatchHandler) => handlers.push(handler),
    close: () => Promise.resolve(void events.push('close')),
  } as unknown as Client;
  const url = new URL('https://as.test/');
  const signal = new AbortController().signal;
  const onEnd = (): void => void events.push('end');
  const promise = send({ url, request: new Request(url), body: null, client, signal, onEnd });
  const handler = handlers[0] as Dispatcher.DispatchHandler;
  handler.onRequestStart?.(controller, {});
  handler.onResponseStart?.(controller, 200, {}, 'OK');
  const reader = ((await promise).body as ReadableStream<Uint8Array>).getReader();

  events.length = 0;
  handler.onResponseData?.(controller, CHUNK);
  expect(events).toEqual([]);
  handler.onResponseData?.(controller, CHUNK);
  expect(events).toEqual(['pause']);
  await reader.read();
  expect(events).toEqual(['pause', 'resume']);
  handler.onResponseEnd?.(controller, {});
  expect(events).toEqual(['pause', 'resume', 'close', 'end']);
  expect((await reader.read()).value?.length).toBe(CHUNK.length);
  expect((await reader.read()).done).toBe(true);
});
