/** What a client may read of an error: the words of a refusal of this package. Any other error is for the log alone. */
import { ToolError } from '@sallyport/server';
import { SpecError } from '../errors.ts';

export function told(error: unknown): unknown {
  return error instanceof SpecError ? new ToolError(`${error.message} (${error.code})`) : error;
}
