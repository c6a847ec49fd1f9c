package main

import (
	"io"
	"log"
	"net"
	"sync"
	"time"
)

// forward lets connections to a listener through to the API server. The listener
// may be of another network namespace than this process: a socket stays in the
// one in which it was made.
func forward(listener net.Listener) {
	for {
		outside, err := listener.Accept()
		if err != nil {
			log.Printf("accept a connection to the API server: %v", err)
			time.Sleep(time.Second)
			continue
		}
		go connect(outside)
	}
}

func connect(outside net.Conn) {
	defer func() { _ = outside.Close() }()
	inside, err := net.DialTimeout("tcp", net.JoinHostPort(nodeAddress, apiPort), 5*time.Second)
	if err != nil {
		return // the client sees a closed connection, as it does without a forwarder
	}
	defer func() { _ = inside.Close() }()
	var both sync.WaitGroup
	both.Go(func() { pipe(inside, outside) })
	both.Go(func() { pipe(outside, inside) })
	both.Wait()
}

// pipe passes on the end of one direction, and leaves the other one open.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(*net.TCPConn)
	if err != nil || !ok {
		_, _ = to.Close(), from.Close()
		return
	}
	_ = half.CloseWrite()
}
