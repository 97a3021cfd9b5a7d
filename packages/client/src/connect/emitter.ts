/** Listeners by the name of an event. One that throws disturbs neither the others nor whoever tells. */

export interface Emitter<Events extends object> {
  /** Returns what takes the listener away. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void;
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void;
}

/** `onFailure`: a listener threw. */
export function createEmitter<Events extends object>(onFailure: (error: unknown) => void): Emitter<Events> {
  const listeners = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    on: (name, listener) => {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all);
      // Each time it is added it is another one, so that taking one away leaves the other.
      const own = (event: never): void => listener(event);
      all.add(own);
      return () => void all.delete(own);
    },
    emit: (name, event) => {
      // Those that are added meanwhile hear the next one.
      for (const listener of Array.from(listeners.get(name) ?? [])) {
        try {
          listener(event as never);
        } catch (error) {
          onFailure(error);
        }
      }
    },
  };
}
