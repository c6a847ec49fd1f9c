package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/bridgestack/operator/internal/evidence"
)

// mysqlWire is a connection of MySQL's protocol under the client library. It makes the
// TLS handshake, so that the probe sees that stage and the library no certificate; it
// bounds what a server sends, as the library allocates what a packet announces; and it
// keeps the password from whoever is on an open wire.
//
// To the library the connection is a plain one: what TLS adds to the exchange (one packet
// of the client's, and the password itself in place of its RSA encryption) is added here,
// and the packets' numbers are moved by as much.
type mysqlWire struct {
	net.Conn
	password string
	mode     evidence.TLSMode
	// handshake makes the connection a TLS one.
	handshake func(net.Conn) (net.Conn, error)
	// plaintext says whether to go on with a server that has no TLS.
	plaintext func() error

	greeted, answered, loggedIn bool
	offersTLS, secure           bool
	// moved is by how much the numbers of packets differ from those of the library.
	moved byte
	// received are the bytes of all packets so far, pending those not handed out yet.
	received int
	pending  []byte

	// failure is the first one.
	failure error
}

var (
	errMySQLTooLong  = errors.New("the server's packet is longer than any that the probe asks for, or not of MySQL's protocol")
	errMySQLPacket   = errors.New("the server's packet is not of MySQL's protocol")
	errPluginInClear = errors.New("the account's plugin has the password itself sent to the server, and without TLS the probe does not do so")
	errSHA256        = errors.New("the account logs in by sha256_password, which the probe does not do")
)

// What the probe reads of a packet (MySQL's protocol, connection phase).
const (
	mysqlProtocol10   = 10
	mysqlOK           = 0x00
	mysqlMoreData     = 0x01
	mysqlSwitch       = 0xfe
	mysqlError        = 0xff
	mysqlFullLogin    = 4      // of caching_sha2_password, after mysqlMoreData
	mysqlClientTLS    = 0x0800 // CLIENT_SSL
	mysqlResponseHead = 32     // of the client's response: what it sends to ask for TLS
	// mysqlGreetingTail is what follows the version in a greeting, without the plugin's name.
	mysqlGreetingTail = 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10 + 13
)

func newMySQLWire(conn net.Conn, password string, mode evidence.TLSMode) *mysqlWire {
	return &mysqlWire{Conn: conn, password: password, mode: mode}
}

func (w *mysqlWire) fail(err error) error {
	if w.failure == nil {
		w.failure = err
	}
	return err
}

// Read hands out the server's packets.
func (w *mysqlWire) Read(p []byte) (int, error) {
	if len(w.pending) == 0 {
		packet, err := w.packet()
		if err == nil && !w.loggedIn {
			packet, err = w.connecting(packet)
		}
		if err != nil {
			return 0, w.fail(err)
		}
		packet[3] -= w.moved
		w.pending = packet
	}
	n := copy(p, w.pending)
	w.pending = w.pending[n:]
	return n, nil
}

// packet reads one: three bytes of length, its number, its body.
func (w *mysqlWire) packet() ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(w.Conn, head); err != nil {
		return nil, fmt.Errorf("reading from the server: %w", err)
	}
	length := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if length == 0 || length > mostMessage {
		return nil, errMySQLTooLong
	}
	if w.received += len(head) + length; w.received > mostSession {
		return nil, errSessionTooLong
	}
	packet := append(head, make([]byte, length)...)
	if _, err := io.ReadFull(w.Conn, packet[4:]); err != nil {
		return nil, fmt.Errorf("reading from the server: %w", err)
	}
	return packet, nil
}

// connecting looks at a packet of before the login has ended. The library takes them
// as they come, so that only those pass which are whole.
func (w *mysqlWire) connecting(packet []byte) ([]byte, error) {
	body := packet[4:]
	if !w.greeted && body[0] != mysqlError {
		return packet, w.greeting(body)
	}
	if body[0] == mysqlMoreData && len(body) == 2 && body[1] == mysqlFullLogin {
		return w.fullLogin(packet)
	}
	return packet, w.whole(body)
}

// whole reports whether a packet of the login is one, and of one that is known here.
func (w *mysqlWire) whole(body []byte) error {
	valid := false
	switch body[0] {
	case mysqlError:
		w.loggedIn = true // or never
		valid = len(body) >= 9 || len(body) >= 3 && !w.greeted
	case mysqlOK:
		w.loggedIn = true
		valid = len(body) >= 7 && body[1] <= 250 && body[2] <= 250
	case mysqlSwitch:
		if bytes.HasPrefix(body[1:], []byte("sha256_password\x00")) {
			return errSHA256
		}
		valid = true
	case mysqlMoreData:
		valid = len(body) == 2
	}
	if !valid {
		return errMySQLPacket
	}
	return nil
}

// greeting is the server's first packet: whether it offers TLS.
func (w *mysqlWire) greeting(body []byte) error {
	version := bytes.IndexByte(body[1:], 0)
	if body[0] != mysqlProtocol10 || version < 0 || len(body) < 1+version+1+mysqlGreetingTail {
		return errMySQLPacket
	}
	if bytes.HasSuffix(body, []byte("sha256_password\x00")) && !bytes.HasSuffix(body, []byte("caching_sha2_password\x00")) {
		return errSHA256
	}
	w.greeted = true
	flags := body[1+version+1+4+8+1:]
	w.offersTLS = binary.LittleEndian.Uint16(flags)&mysqlClientTLS != 0
	return nil
}

// fullLogin is what a server asks for that has not seen the password since it started:
// the password itself, over TLS.
func (w *mysqlWire) fullLogin(packet []byte) ([]byte, error) {
	if !w.secure {
		return nil, errPluginInClear
	}
	password := append([]byte(w.password), 0)
	answer := append([]byte{byte(len(password)), byte(len(password) >> 8), byte(len(password) >> 16), packet[3] + 1}, password...)
	if _, err := w.Conn.Write(answer); err != nil {
		return nil, fmt.Errorf("answering the server: %w", err)
	}
	w.moved += 2
	next, err := w.packet()
	if err != nil {
		return nil, err
	}
	if next[4] != mysqlOK && next[4] != mysqlError {
		return nil, errMySQLPacket
	}
	return w.connecting(next)
}

// Write sends the library's packets, each in one call. Before the first, its response to
// the greeting, goes the TLS handshake.
func (w *mysqlWire) Write(p []byte) (int, error) {
	packet := bytes.Clone(p)
	if !w.answered {
		w.answered = true
		if err := w.beforeResponse(packet); err != nil {
			return 0, w.fail(err)
		}
	}
	if packet[3] == 0 {
		w.moved = 0 // a command begins to count anew
	}
	packet[3] += w.moved
	if _, err := w.Conn.Write(packet); err != nil {
		return 0, w.fail(fmt.Errorf("writing to the server: %w", err))
	}
	return len(p), nil
}

// beforeResponse makes the TLS handshake, where client and server have TLS.
func (w *mysqlWire) beforeResponse(response []byte) error {
	if w.mode == evidence.TLSDisable || !w.offersTLS {
		return w.plaintext()
	}
	if len(response) < 4+mysqlResponseHead {
		return errMySQLPacket
	}
	response[5] |= mysqlClientTLS >> 8
	request := append([]byte{mysqlResponseHead, 0, 0, response[3]}, response[4:4+mysqlResponseHead]...)
	if _, err := w.Conn.Write(request); err != nil {
		return fmt.Errorf("asking for TLS: %w", err)
	}
	secure, err := w.handshake(w.Conn)
	if err != nil {
		return err
	}
	w.Conn, w.secure, w.moved = secure, true, 1
	return nil
}
