/**
 * Makes a function that closes an HTTP server in good order: no new connections, requests under way are answered,
 * and connections without one are closed. `server.close()` alone would also wait for connections on which nothing
 * has been asked yet, such as browsers open in advance. What still runs after `patience` milliseconds is cut off.
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
