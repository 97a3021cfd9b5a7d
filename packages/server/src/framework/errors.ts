/** What a handler may throw, and what its caller reads of it. Everything else is for the log alone. */

import type { JsonObject } from '@sallyport/wire';

/** Its message is meant for the caller: of a tool as a result with `isError`, else as an error. */
export class ToolError extends Error {
  override readonly name: string = 'ToolError';
}

/** The client did not declare what it was asked for. Where no handler catches it, it is the answer (-32021 in 2026-07-28). */
export class MissingCapabilityError extends ToolError {
  override readonly name: string = 'MissingCapabilityError';
  /** As a client would declare it. */
  readonly required: JsonObject;

  constructor(required: JsonObject) {
    super(`The client does not support ${Object.keys(required).join(', ')}, which this needs.`);
    this.required = required;
  }
}

/** The client answered a question with an error, or not in time. */
export class NotAnsweredError extends ToolError {
  override readonly name: string = 'NotAnsweredError';
}

/** Of a resource: there is none at this URI. Answered as a URI that nobody reads, whatever the message says. */
export class ResourceNotFoundError extends ToolError {
  override readonly name: string = 'ResourceNotFoundError';
}
