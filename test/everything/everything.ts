/**
 * One instance of the everything server: every feature of the protocol that a client can ask for, in both
 * eras, on the official SDK, so that it is a peer independent of this project's own protocol code. It opens
 * no port and no pipe; `server.ts` does.
 */
import { McpServer } from '@modelcontextprotocol/server';
import type { Transport } from '@modelcontextprotocol/server';
import { registerContentTools } from './content-tools.ts';
import { text } from './content.ts';
import { registerInputTools } from './input-tools.ts';
import { registerOwnTools } from './own-tools.ts';
import { registerCompletion, registerPrompts } from './prompts.ts';
import { sendUnknowns } from './raw.ts';
import { registerResources, trackSubscriptions } from './resources.ts';
import { WATCHED_URI } from './state.ts';
import type { Change, EverythingState } from './state.ts';

export interface EverythingOptions {
  /** The name it gives itself in `serverInfo`. */
  readonly name: string;
  readonly era: 'legacy' | 'modern';
  /** Whether the instance lives as long as a connection and so has clients to notify. */
  readonly connected: boolean;
}

class EverythingServer extends McpServer {
  override connect(transport: Transport): Promise<void> {
    sendUnknowns(transport);
    return super.connect(transport);
  }
}

/** Registers everything on a fresh instance; the caller connects it to a transport. */
export function createEverything(state: EverythingState, options: EverythingOptions): McpServer {
  const server = new EverythingServer(
    { name: options.name, version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        logging: {},
      },
      instructions: 'A server for tests: it does everything and means nothing.',
      requestState: { verify: (value, ctx) => state.requestState.verify(value, ctx) },
    },
  );
  registerContentTools(server, state);
  registerInputTools(server, state);
  registerOwnTools(server, state);
  registerResources(server, state);
  registerPrompts(server);
  registerCompletion(server);
  const follow = followChanges(server, state, options);
  if (options.connected) {
    state.listeners.add(follow);
    server.server.onclose = () => state.listeners.delete(follow);
  }
  return server;
}

/** Offers what currently comes and goes, and returns what to do when that changes. */
function followChanges(server: McpServer, state: EverythingState, options: EverythingOptions): (what: Change) => void {
  const tool = server.registerTool('sometimes_tool', { description: 'Comes and goes.' }, () => text('here'));
  const prompt = server.registerPrompt('sometimes_prompt', { description: 'Comes and goes.' }, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'here' } }],
  }));
  if (!state.extraTool) tool.disable();
  if (!state.extraPrompt) prompt.disable();
  const subscribed = options.era === 'legacy' ? trackSubscriptions(server) : undefined;
  return (what) => {
    if (what === 'tools') tool.update({ enabled: state.extraTool });
    if (what === 'prompts') prompt.update({ enabled: state.extraPrompt });
    // In the stateless era the transport passes an update on to those who listen for its URI.
    if (what === 'resource' && (subscribed === undefined || subscribed.has(WATCHED_URI))) {
      void server.server.sendResourceUpdated({ uri: WATCHED_URI });
    }
  };
}
