/**
 * Returns a function that closes an HTTP server: it accepts no new connections, answers the requests under way, and closes
 * idle connections. `server.close()` alone would also wait for connections without a request, which browsers open in
 * advance. Requests that still run after `patience` milliseconds are aborted.
 */
export function gracefulClose(server, patience) {
  const sockets = new Set()
  const busy = new Set()
  let closing = false

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('request', ({ socket }, res) => {
    busy.add(socket)
    res.once('close', () => {
      busy.delete(socket)
      if (closing) socket.end()
    })
  })

  return () =>
    new Promise((resolve) => {
      closing = true
      const cut = setTimeout(() => server.closeAllConnections(), patience)
      server.close(() => {
        clearTimeout(cut)
        resolve()
      })
      for (const socket of sockets) if (!busy.has(socket)) socket.destroy()
    })
}
