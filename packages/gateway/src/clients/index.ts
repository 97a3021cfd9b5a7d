/** The room of AI clients: where they keep their servers, how these are read, and how Sallyport is written among them. */
export { convert, inputsIn } from './convert.ts';
export { AI_CLIENTS, findClient } from './table.ts';
export type { AiClient, Endpoint, Entry, Machine, NameList, Place, Scope } from './types.ts';
export { variableName } from './variables.ts';
