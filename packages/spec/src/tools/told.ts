/** What a client may read of an error: the words of a refusal of this package. Any other error is for the log alone. */
import { ToolError } from '@sallyport/server';
import { SpecError } from '../errors.ts';

export function told(error: unknown): unknown {
  return error instanceof SpecError ? new ToolError(`${error.message} (${error.code})`) : error;
}

/** The same function, whose refusals a client may read. */
export function telling<A extends readonly unknown[], R>(run: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await run(...args);
    } catch (error) {
      throw told(error);
    }
  };
}
