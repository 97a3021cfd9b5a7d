/**
 * Every feature of the protocol that a client can ask for, in both eras, on the framework: what the conformance suite wants, and
 * tools of this project's own tests. It opens no port and no pipe; `server.ts` does.
 */
import { createServer } from '@sallyport/server';
import type { McpServer } from '@sallyport/server';
import { addContentTools } from './content-tools.ts';
import { addInputTools } from './input-tools.ts';
import { addPrompts, addResources } from './offers.ts';
import { createState } from './state.ts';

export function createEverything(name: string): McpServer {
  const server = createServer({ name, version: '1.0.0', instructions: 'Tools for tests.' });
  const state = createState(server);
  addContentTools(server, state);
  addInputTools(server);
  addResources(server, state);
  addPrompts(server);
  return server;
}
