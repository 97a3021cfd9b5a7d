import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createConnectionCap } from './connections.ts';

function socketOf(address: string): Socket {
  return Object.defineProperty(new Socket(), 'remoteAddress', { value: address });
}

it('counts the sockets of one network together, for as long as they are open', async () => {
  const admit = createConnectionCap(2, (address) => address === '2001:db8::ffff');
  const first = socketOf('2001:db8::1');
  expect([first, ...['2001:db8::2', '2001:db8::3'].map(socketOf)].map(admit)).toEqual([true, true, false]);
  expect(['2001:db8:0:1::1', '2001:db8::ffff', '192.0.2.1'].map(socketOf).map(admit)).toEqual([true, true, true]);
  const closed = new Promise((resolve) => first.once('close', resolve));
  first.destroy();
  await closed;
  expect(admit(socketOf('2001:db8::4'))).toBe(false);
});
