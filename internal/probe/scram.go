package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Iterations of SCRAM's key derivation (RFC 5802) that a server may ask for.
// Many keep the processor busy, few make the proof cheap to guess from. Kafka
// refuses to store fewer than 4096; PostgreSQL's scram_iterations has that default.
const (
	leastIterations = 4096
	mostIterations  = 1 << 17
)

// iterationsOf a server's first message, 0 where it names none.
func iterationsOf(message string) (int, error) {
	for field := range strings.SplitSeq(message, ",") {
		text, ok := strings.CutPrefix(field, "i=")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostIterations {
			return 0, fmt.Errorf("the server asks for %.20q SCRAM iterations", text)
		}
		return n, nil
	}
	return 0, nil
}

// bounded reads the messages of a PostgreSQL server. It stops at one that asks for
// more iterations than any honest server does: the client library would go on with
// them after the probe has ended. And it stops after mostSession, since the library
// keeps each parameter and each row that a server sends.
type bounded struct {
	server io.Reader
	// received are the bytes of all messages so far.
	received int
	// pending was read and not handed out yet; left of the message after it.
	pending []byte
	left    uint32
}

// Authentication messages (type R) of PostgreSQL's protocol, by their first field.
const (
	authenticationMessage = 'R'
	saslContinue          = 11
	mostAuthentication    = 8 << 10
	// mostSession is what a server may send in all, in bytes. What is asked for comes
	// to a few KiB.
	mostSession = 256 << 10
)

var (
	errAuthenticationTooLong = errors.New("the server's authentication message is longer than any of PostgreSQL's")
	errSessionTooLong        = errors.New("the server sends more than a PostgreSQL server has to say")
)

func (s *bounded) Read(p []byte) (int, error) {
	if len(s.pending) == 0 && s.left == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	if len(s.pending) > 0 {
		n := copy(p, s.pending)
		s.pending = s.pending[n:]
		return n, nil
	}
	n, err := s.server.Read(p[:min(len(p), int(s.left))])
	s.left -= uint32(n)
	return n, err
}

// next reads the head of a message, and the whole of one that is about the login.
func (s *bounded) next() error {
	head := make([]byte, 5)
	if _, err := io.ReadFull(s.server, head); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(head[1:])
	s.pending, s.left = head, max(length, 4)-4
	if s.received += len(head) + int(s.left); s.received > mostSession {
		return errSessionTooLong
	}
	if head[0] != authenticationMessage {
		return nil
	}
	if length < 8 || length > mostAuthentication {
		return errAuthenticationTooLong
	}
	body := make([]byte, s.left)
	if _, err := io.ReadFull(s.server, body); err != nil {
		return err
	}
	s.pending, s.left = append(head, body...), 0
	if binary.BigEndian.Uint32(body) != saslContinue {
		return nil
	}
	_, err := iterationsOf(string(body[4:]))
	return err
}
