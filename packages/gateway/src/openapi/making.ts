/** From a document to the tools of what is chosen in it, and to what cannot be one. */

import type { ApiTarget } from '../call.ts';
import { DocumentError, type ApiDocument } from './document.ts';
import { chosen, listOperations, type Operation, type Refusal } from './operations.ts';
import { schemesOf } from './security.ts';
import { toolOf, type ApiTool, type ToolContext } from './tool.ts';

export interface Made {
  readonly tools: readonly ApiTool[];
  readonly refused: readonly Refusal[];
}

/** What of a configuration decides which tools there are. `headers`: names. */
export interface Wanted extends Pick<ApiTarget, 'operations' | 'pagination' | 'server' | 'source'> {
  readonly headers: readonly string[];
}

/** Tools of one server; more is nothing that a model could choose from. */
const MAX_TOOLS = 1000;

/** `server` is the server's name. Throws `DocumentError`. */
export function madeOf(document: ApiDocument, server: string, wanted: Wanted): Made {
  const { operations, refused } = listOperations(document, server);
  const context: ToolContext = {
    document,
    schemes: schemesOf(document),
    server: wanted.server,
    source: wanted.source,
    headers: new Set(wanted.headers.map((name) => name.toLowerCase())),
    pagination: wanted.pagination,
  };
  const all = few(chosen(operations, wanted.operations)).map((operation) => oneOf(operation, context));
  return {
    tools: all.filter((one) => 'definition' in one),
    refused: [...refused, ...all.filter((one) => 'reason' in one)],
  };
}

function few(operations: readonly Operation[]): readonly Operation[] {
  if (operations.length <= MAX_TOOLS) return operations;
  throw new DocumentError(`${operations.length} operations are chosen; ${MAX_TOOLS} may be: choose fewer`);
}

function oneOf(operation: Operation, context: ToolContext): ApiTool | Refusal {
  try {
    return toolOf(operation, context);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return { key: operation.key, reason: error.message };
  }
}
