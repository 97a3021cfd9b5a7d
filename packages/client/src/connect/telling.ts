/** What a notification of a server is for an application. Members of another type than they should have count as absent. */

import { isLogLevel, type JsonRpcNotification } from '@sallyport/wire';
import type { ClientEvents } from './api.ts';
import type { Emitter } from './emitter.ts';

export function tell(emitter: Emitter<ClientEvents>, message: JsonRpcNotification): void {
  const { method, params = {} } = message;
  const { uri, level, logger, data, elicitationId } = params;
  switch (method) {
    case 'notifications/tools/list_changed':
      return emitter.emit('toolsChanged', undefined);
    case 'notifications/prompts/list_changed':
      return emitter.emit('promptsChanged', undefined);
    case 'notifications/resources/list_changed':
      return emitter.emit('resourcesChanged', undefined);
    case 'notifications/resources/updated':
      return typeof uri === 'string' ? emitter.emit('resourceUpdated', { uri }) : undefined;
    case 'notifications/message': {
      const name = typeof logger === 'string' ? logger : undefined;
      return emitter.emit('log', { level: isLogLevel(level) ? level : 'info', logger: name, data });
    }
    case 'notifications/elicitation/complete':
      return typeof elicitationId === 'string' ? emitter.emit('elicitationComplete', { elicitationId }) : undefined;
    default:
      return emitter.emit('notification', message);
  }
}
