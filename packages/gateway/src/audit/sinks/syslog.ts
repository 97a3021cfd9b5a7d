/**
 * Sends the records to a syslog server (RFC 5424): over UDP one in each datagram (RFC 5426), over TCP and a local socket
 * counted by octets (RFC 6587 §3.4.1). Over UDP nobody says whether they arrive. Local sockets that take datagrams, as
 * `/dev/log` does, cannot be written by Node.
 */

import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { SinkSettings } from '../types.ts';
import type { Sink, SinkParts } from './types.ts';
import { Unacceptable } from './queue.ts';

type SyslogSettings = SinkSettings & { readonly type: 'syslog' };

const [WARNING, INFORMATIONAL] = [4, 6];
/** What a datagram of IPv4 may hold, less its headers. */
const MAX_DATAGRAM = 65_507;
const TIMEOUT_MS = 10_000;

export function createSyslogSink(
  { address, facility }: Pick<SyslogSettings, 'address' | 'facility'>,
  { hostname, pid }: Pick<SinkParts, 'hostname' | 'pid'>,
): Sink {
  const message = (line: string): Buffer => Buffer.from(messageOf(line, { facility, hostname, pid }));
  const url = new URL(address);
  if (url.protocol === 'udp:') return udpSink(url, message);
  return streamSink(url, message);
}

interface Facts {
  readonly facility: number;
  readonly hostname: string;
  readonly pid: number;
}

function messageOf(line: string, { facility, hostname, pid }: Facts): string {
  const { decision, time, type } = JSON.parse(line) as Readonly<Record<'decision' | 'time' | 'type', string>>;
  const priority = facility * 8 + (decision === 'allow' ? INFORMATIONAL : WARNING);
  // A name as RFC 5424 §6.2.4 wants it: printable ASCII.
  const host = hostname.replaceAll(/[^!-~]/g, '').slice(0, 255) || '-';
  return `<${priority}>1 ${time} ${host} sallyport ${pid} ${type} - ${line}`;
}

function udpSink({ hostname, host, port }: URL, message: (line: string) => Buffer): Sink {
  const isSix = hostname.startsWith('[');
  const socket = createSocket(isSix ? 'udp6' : 'udp4').unref();
  // Whom nobody listens to is told by an error of a later datagram; that is no error of this process.
  socket.on('error', () => undefined);
  const send = (bytes: Buffer): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.send(bytes, Number(port), hostname.replace(/^\[(.*)\]$/, '$1'), (error) =>
      error ? reject(error) : resolve(),
    );
    return promise;
  };
  return {
    name: `syslog udp://${host}`,
    send: async (lines) => {
      const messages = lines.map(message);
      for (const bytes of messages.filter(({ length }) => length <= MAX_DATAGRAM)) await send(bytes);
      if (messages.some(({ length }) => length > MAX_DATAGRAM))
        throw new Unacceptable('a record is larger than a datagram');
    },
    close: () => void socket.close(),
  };
}

function streamSink(url: URL, message: (line: string) => Buffer): Sink {
  let socket: Socket | undefined;
  const isLocal = url.protocol === 'unix:';
  const open = (): Socket => {
    const opened = isLocal
      ? connect(decodeURIComponent(url.pathname))
      : connect(Number(url.port), url.hostname.replace(/^\[(.*)\]$/, '$1'));
    opened.unref();
    opened.setTimeout(TIMEOUT_MS, () => {
      if (opened.connecting || opened.writableLength > 0) opened.destroy(new Error('it takes nothing'));
    });
    opened.on('error', () => undefined);
    opened.on('close', () => {
      if (socket === opened) socket = undefined;
    });
    // It says nothing; that it has ended is noticed by reading.
    opened.resume();
    return opened;
  };
  return {
    name: `syslog ${isLocal ? url.pathname : `tcp://${url.host}`}`,
    send: (lines) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const used = (socket ??= open());
      const onClose = (): void => reject(new Error('the connection ended'));
      used.once('close', onClose);
      used.once('error', reject);
      const framed = lines.map((line) => {
        const bytes = message(line);
        return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
      });
      used.write(Buffer.concat(framed), (error) => {
        used.off('close', onClose);
        used.off('error', reject);
        if (error) reject(error);
        else resolve();
      });
      return promise;
    },
    close: () => socket?.destroy(),
  };
}
