/** What carries a client's messages: requests of HTTP, each with a response of its own, or one line in both directions. */
import { PassThrough } from 'node:stream';
import type { IncomingHttpHeaders } from 'node:http';
import { createInterface } from 'node:readline';
import type { Started } from '../gateway/gateway.ts';
import { send } from './http.ts';
import type { Head, Sent } from './http.ts';
import type { Id } from './wire.ts';

/** Takes what comes in. `via`: the request whose response carried it, where that can be told. */
export type Heard = (text: string, headers: IncomingHttpHeaders, via: Id | undefined) => void;

export interface Carrier {
  /** One line in both directions: no message tells to which request it belongs but by what it says. */
  readonly isDuplex: boolean;
  /** Sends a message; `via` is the request in it. */
  send(text: string, headers: Readonly<Record<string, string>>, via: Id | undefined): Sent;
  /** Opens the way for what belongs to no request, where it has to be opened. */
  listen(headers: Readonly<Record<string, string>>): Promise<void>;
  end(headers: Readonly<Record<string, string>>): Promise<void>;
}

export type OpenCarrier = (heard: Heard) => Promise<Carrier>;

export function overHttp(url: string): OpenCarrier {
  return async (heard) => {
    const streams: Sent[] = [];
    return {
      isDuplex: false,
      send: (body, headers, via) => send({ url, headers, body, heard: (text, received) => heard(text, received, via) }),
      listen: async (headers) => {
        if (streams.length > 0) return;
        const stream = send({ url, method: 'GET', headers, heard: (text, of) => heard(text, of, undefined) });
        streams.push(stream);
        const { status } = await stream.head;
        if (status !== 200) throw new Error(`HTTP ${status} for the session's stream`);
      },
      end: async (headers) => {
        for (const stream of streams) stream.abort();
        if (headers['mcp-session-id'] === undefined) return;
        await send({ url, method: 'DELETE', headers, heard: () => undefined }).ended;
      },
    };
  };
}

const TAKEN: Head = { status: 202, headers: {} };

function duplex(write: (text: string) => void, end: () => Promise<void>, ended: Promise<void>): Carrier {
  return {
    isDuplex: true,
    send: (text) => {
      write(text);
      return { head: Promise.resolve(TAKEN), ended, abort: () => undefined };
    },
    listen: () => Promise.resolve(),
    end,
  };
}

/** The door for one client of a gateway in this process, or of what opens one like it. */
export function overStdio({ gateway }: { readonly gateway: Pick<Started['gateway'], 'serveStdio'> }): OpenCarrier {
  return async (heard) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const door = gateway.serveStdio(input, output, process.cwd());
    createInterface({ input: output }).on('line', (line) => heard(line, {}, undefined));
    const end = async (): Promise<void> => {
      input.end();
      await door.done;
    };
    return duplex((text) => void input.write(`${text}\n`), end, door.done);
  };
}

/** The transport of 2024-11-05: one stream for what comes, whose first event says where to post. */
export function overSse(base: string): OpenCarrier {
  return async (heard) => {
    const where = Promise.withResolvers<string>();
    const stream = send({
      url: new URL('/sse', base).href,
      method: 'GET',
      headers: {},
      heard: (text) => heard(text, {}, undefined),
      named: (name, data) => {
        if (name === 'endpoint') where.resolve(data);
      },
    });
    stream.head.catch(where.reject);
    const url = new URL(await where.promise, base).href;
    const write = (body: string): void => {
      void send({ url, headers: {}, body, heard: () => undefined }).head;
    };
    const end = async (): Promise<void> => {
      stream.abort();
      await stream.ended;
    };
    return duplex(write, end, stream.ended);
  };
}

export function overWebSocket(base: string): OpenCarrier {
  return async (heard) => {
    const url = new URL(base);
    url.protocol = 'ws:';
    const socket = new WebSocket(url, 'mcp');
    const ended = new Promise<void>((resolve) => socket.addEventListener('close', () => resolve()));
    socket.addEventListener('message', ({ data }) => heard(String(data), {}, undefined));
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('error', () => reject(new Error(`no WebSocket at ${url.href}`)));
    });
    const end = async (): Promise<void> => {
      socket.close();
      await ended;
    };
    return duplex((text) => socket.send(text), end, ended);
  };
}
