import type { Socket } from 'node:net';

/**
 * Closes a connection by a reset, or, where it is ending already, without. Node takes a connection for closed when it resets one in the midst of
 * its end, and libuv refuses: no "close" comes, the descriptor stays, and the process never ends, busy waiting for it (24.21).
 */
export function resetSocket(socket: Socket | null): void {
  if (socket?.writableEnded) socket.destroy();
  else socket?.resetAndDestroy();
}
