/** Bytes on a bare socket of a site, with TLS and without, and the head of what comes back. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Answered } from './web-support.ts';
import type { Site } from './web-site.ts';

/** A bare socket; `plain` where TLS is spoken. */
export function openRaw({ base, ca, started: { port } }: Site, plain = false): Socket {
  const host = new URL(base).hostname;
  const isTls = ca !== undefined && !plain;
  const socket = isTls ? connectTls({ port, host, servername: 'localhost', ca }) : connect(port, host);
  return socket.on('error', () => {}).setEncoding('latin1');
}

/** The head of what comes from now on. */
export async function answerOf(socket: Socket): Promise<Answered> {
  let text = '';
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\r\n\r\n')) resolve();
    });
  });
  socket.destroy();
  const [first = '', ...lines] = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    const [name = '', value = ''] = line.split(/: ?(.*)/);
    (headers[name.toLowerCase()] ??= []).push(value);
  }
  return { status: Number(first.split(' ')[1]), headers, body: '' };
}

/** Bytes, and the head of what comes back. */
export async function sendRaw(site: Site, bytes: string, plain = false): Promise<Answered> {
  const socket = openRaw(site, plain);
  socket.write(bytes);
  return await answerOf(socket);
}
