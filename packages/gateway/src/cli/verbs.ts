/**
 * The verbs of the command line in the order of its help, and the file of each. A verb's file is loaded only when the verb is
 * used, so that none pays for another. A verb without a file is not built and is refused by name.
 */
import type { Register } from './context.ts';

export type Verb = {
  readonly name: string;
  readonly summary: string;
  readonly load?: () => Promise<{ readonly register: Register }>;
};

export const verbs: readonly Verb[] = [
  { name: 'init', summary: 'a first configuration, out of what AI clients have', load: () => import('./init.ts') },
  { name: 'serve', summary: 'run the gateway in the foreground', load: () => import('./serve.ts') },
  { name: 'start', summary: 'run the gateway in the background', load: () => import('./start.ts') },
  { name: 'stop', summary: 'stop the gateway that is running', load: () => import('./stop.ts') },
  { name: 'restart', summary: 'stop it and start it again', load: () => import('./restart.ts') },
  { name: 'reload', summary: 'let it read its configuration again', load: () => import('./reload.ts') },
  { name: 'status', summary: 'whether it runs, and how it is', load: () => import('./status.ts') },
  { name: 'logs', summary: 'what it has written in the background', load: () => import('./logs.ts') },
  { name: 'trust', summary: 'allow the configuration in this folder to be used', load: () => import('./trust.ts') },
  { name: 'add', summary: 'put a server into the configuration', load: () => import('./add.ts') },
  { name: 'remove', summary: 'take a server out of it', load: () => import('./remove.ts') },
  { name: 'enable', summary: 'turn a server on', load: () => import('./enable.ts') },
  { name: 'disable', summary: 'turn a server off', load: () => import('./enable.ts') },
  { name: 'allow', summary: 'let a sandboxed server reach a host or path', load: () => import('./allow.ts') },
  {
    name: 'refresh',
    summary: 'take the OpenAPI document of a server as it is now',
    load: () => import('./refresh.ts'),
  },
  { name: 'search', summary: 'look for servers in a registry', load: () => import('./search.ts') },
  { name: 'import', summary: 'take over the servers of an AI client', load: () => import('./import.ts') },
  { name: 'connect', summary: 'put Sallyport into an AI client', load: () => import('./connect.ts') },
  { name: 'disconnect', summary: 'take it out of one', load: () => import('./disconnect.ts') },
  { name: 'list', summary: 'the servers and how they are', load: () => import('./list.ts') },
  { name: 'tools', summary: 'the tools that clients see', load: () => import('./tools.ts') },
  { name: 'call', summary: 'call a tool', load: () => import('./call.ts') },
  { name: 'context', summary: "what the tools cost in a model's context", load: () => import('./cost.ts') },
  { name: 'read', summary: 'read a resource', load: () => import('./read.ts') },
  { name: 'prompt', summary: 'get a prompt', load: () => import('./prompt.ts') },
  { name: 'instructions', summary: 'a text for agents with a shell', load: () => import('./instructions.ts') },
  { name: 'validate', summary: 'check a configuration, or a server', load: () => import('./validate.ts') },
  {
    name: 'explain',
    summary: 'what the policy says of a call, and why',
    load: () => import('./explain.ts'),
  },
  { name: 'config', summary: 'show, describe, convert or export the configuration', load: () => import('./config.ts') },
  { name: 'key', summary: 'the keys of clients', load: () => import('./key.ts') },
  { name: 'principal', summary: 'who is known, and what is kept of them', load: () => import('./principal.ts') },
  { name: 'login', summary: 'log in at a server', load: () => import('./login.ts') },
  { name: 'logout', summary: 'log out of a server', load: () => import('./logout.ts') },
  { name: 'secret', summary: 'values for ${secret:NAME} in the configuration', load: () => import('./secret.ts') },
  { name: 'doctor', summary: 'find what is wrong, and what mends it', load: () => import('./doctor.ts') },
  { name: 'pins', summary: 'definitions of tools, as they were first seen', load: () => import('./pins.ts') },
  { name: 'audit', summary: 'the audit trail: check it, read it', load: () => import('./audit.ts') },
  { name: 'lockdown', summary: 'close everything, now', load: () => import('./lockdown.ts') },
  { name: 'backup', summary: 'the state in one encrypted file', load: () => import('./backup.ts') },
  { name: 'restore', summary: 'bring back the state from a backup', load: () => import('./restore.ts') },
  {
    name: 'spec',
    summary: 'work by specification: constitution, plan and tasks as files',
    load: () => import('./spec.ts'),
  },
  { name: 'new', summary: 'begin a server of your own', load: () => import('./new.ts') },
  {
    name: 'dev',
    summary: 'run a server that you write: restart on save, call its tools',
    load: () => import('./dev.ts'),
  },
  { name: 'version', summary: 'the version of Sallyport and of Node', load: () => import('./version.ts') },
];

/** Verbs that the documentation names and that later versions bring. */
export const laterVerbs: readonly string[] = ['top', 'dashboard'];
