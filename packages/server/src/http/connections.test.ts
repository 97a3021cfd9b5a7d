import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createConnectionCap } from './connections.ts';

function socketOf(address: string): Socket {
  return Object.defineProperty(new Socket(), 'remoteAddress', { value: address });
}

it('counts the sockets of one network together, for as long as they are open', async () => {
  const admit = createConnectionCap(2, (address) => address === '2001:db8::ffff');
  const sockets = ['2001:db8::1', '2001:db8::2', '2001:db8::3'].map(socketOf);
  expect(sockets.map(admit)).toEqual([true, true, false]);
  expect(['2001:db8:0:1::1', '2001:db8::ffff', '192.0.2.1'].map(socketOf).map(admit)).toEqual([true, true, true]);
  const closed = sockets.slice(1).map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  for (const socket of sockets.slice(1)) socket.destroy();
  await Promise.all(closed);
  expect(['2001:db8::4', '2001:db8::5'].map(socketOf).map(admit)).toEqual([true, false]);
});
