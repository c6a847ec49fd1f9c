package probe

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

func init() { probes[server.RabbitMQ] = (*run).rabbitMQ }

// rabbitMQ opens a connection to a virtual host as the client does, no channel on it,
// and closes it. The client library is of no use for it: it cannot ask to be told why
// a login is refused, and RabbitMQ then keeps the client waiting for three seconds.
func (r *run) rabbitMQ(ctx context.Context) {
	conn := r.connect(ctx, r.settings.Server())
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	conn, ok := r.secured(ctx, conn, func(ctx context.Context, plain net.Conn) bool {
		return newAMQP(plain).start(ctx) == nil
	})
	if !ok {
		return
	}
	a := newAMQP(conn)
	if r.settings.User == "" || !r.mayLogIn(ctx, r.settings.Server()) {
		r.exchange(ctx, evidence.StageAccept, func(ctx context.Context) verdict { return r.orWantsTLS(ctx, amqpVerdict(a.start(ctx))) })
		return
	}
	if !r.exchange(ctx, evidence.StageAuthenticate, func(ctx context.Context) verdict { return r.amqpLogin(ctx, a) }) {
		return
	}
	r.exchange(ctx, evidence.StageDatabase, func(ctx context.Context) verdict { return amqpVerdict(a.open(ctx, r.settings.Database)) })
}

func (r *run) amqpLogin(ctx context.Context, a *amqp) verdict {
	if err := a.start(ctx); err != nil {
		return r.orWantsTLS(ctx, amqpVerdict(err))
	}
	v := amqpVerdict(a.login(ctx, r.settings.User, r.settings.Password.Reveal()))
	switch {
	case v.passed():
	case r.settings.Unresolved:
		return unknown(v.code, v.message+"; the operator could not read the client's password")
	case v.code == replyAccessRefused && !r.settings.Password.IsSet():
		return failed(evidence.CodeNoPassword, v.message+"; no password is configured")
	}
	return v
}

// Reply codes that the probe tells apart (amqp0-9-1.xml).
const (
	replyAccessRefused = "403"
	replyNotAllowed    = "530"
)

// amqpVerdict is what the end of an exchange shows.
func amqpVerdict(err error) verdict {
	var said amqpClose
	switch {
	case err == nil:
		return verdict{}
	case !errors.As(err, &said):
		return broken(err)
	}
	code := strconv.Itoa(int(said.code))
	if code == replyNotAllowed && strings.Contains(said.text, "limit") {
		code = server.RabbitConnectionLimit
	}
	return failed(code, said.text)
}

// amqpClose is a connection.close that the server sent.
type amqpClose struct {
	code uint16
	text string
}

func (e amqpClose) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

// amqp speaks as much of AMQP 0-9-1 as opens a connection. What a server sends is
// bounded frame by frame and together.
type amqp struct {
	conn   net.Conn
	server *bufio.Reader
}

// method of class connection.
type method uint16

const (
	classConnection = 10

	methodStart   method = 10
	methodStartOK method = 11
	methodTune    method = 30
	methodTuneOK  method = 31
	methodOpen    method = 40
	methodOpenOK  method = 41
	methodClose   method = 50
	methodBlocked method = 60

	frameMethod = 1
	frameEnd    = 0xCE
	// mostFrame is the most of one frame that is read, in bytes. What a server says of
	// itself comes to half a KiB.
	mostFrame = 16 << 10
)

var errNoAMQP = errors.New("the answer is none of AMQP 0-9-1, or a longer one than the probe asks for")

func newAMQP(conn net.Conn) *amqp {
	return &amqp{conn, bufio.NewReader(io.LimitReader(conn, 4*mostFrame))}
}

// start greets the server, which introduces itself.
func (a *amqp) start(ctx context.Context) error {
	defer deadline(ctx, a.conn)()
	if _, err := io.WriteString(a.conn, "AMQP\x00\x00\x09\x01"); err != nil {
		return fmt.Errorf("greeting the server: %w", err)
	}
	_, err := a.await(methodStart)
	return err
}

// login shows a user and password by the mechanism PLAIN, and agrees to what the
// server proposes.
func (a *amqp) login(ctx context.Context, user, password string) error {
	defer deadline(ctx, a.conn)()
	capabilities := field("authentication_failure_close", 't', []byte{1}) // else it hangs up without a word
	properties := field("product", 'S', long(clientName)) + field("capabilities", 'F', long(capabilities))
	if err := a.send(methodStartOK, string(long(properties))+short("PLAIN")+string(long("\x00"+user+"\x00"+password))+short("en_US")); err != nil {
		return err
	}
	proposal, err := a.await(methodTune)
	if err != nil {
		return err
	}
	const tuning = 8 // channel-max, frame-max, heartbeat
	if len(proposal) < tuning {
		return errNoAMQP
	}
	return a.send(methodTuneOK, string(proposal[:tuning]))
}

// open enters a virtual host.
func (a *amqp) open(ctx context.Context, virtualHost string) error {
	defer deadline(ctx, a.conn)()
	if err := a.send(methodOpen, short(virtualHost)+"\x00\x00"); err != nil {
		return err
	}
	if _, err := a.await(methodOpenOK); err != nil {
		return err
	}
	// 200, by no method; nobody waits for the answer.
	_ = a.send(methodClose, "\x00\xc8"+short("")+"\x00\x00\x00\x00")
	return nil
}

// send a method on channel 0.
func (a *amqp) send(m method, arguments string) error {
	frame := binary.BigEndian.AppendUint32([]byte{frameMethod, 0, 0}, uint32(4+len(arguments)))
	frame = binary.BigEndian.AppendUint16(frame, classConnection)
	frame = binary.BigEndian.AppendUint16(frame, uint16(m))
	if _, err := a.conn.Write(append(append(frame, arguments...), frameEnd)); err != nil {
		return fmt.Errorf("sending connection method %d: %w", m, err)
	}
	return nil
}

// await reads the arguments of a method that is due, or why the server closes.
func (a *amqp) await(due method) ([]byte, error) {
	for {
		got, arguments, err := a.read()
		switch {
		case err != nil:
			return nil, fmt.Errorf("awaiting connection method %d: %w", due, err)
		case got == due:
			return arguments, nil
		case got == methodBlocked: // by an alarm; it is no matter to who publishes nothing
			continue
		case got != methodClose || len(arguments) < 3 || len(arguments) < 3+int(arguments[2]):
			return nil, errNoAMQP
		}
		return nil, amqpClose{binary.BigEndian.Uint16(arguments), string(arguments[3 : 3+int(arguments[2])])}
	}
}

func (a *amqp) read() (method, []byte, error) {
	head := make([]byte, 7)
	if _, err := io.ReadFull(a.server, head); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[3:])
	if head[0] != frameMethod || head[1] != 0 || head[2] != 0 || size < 4 || size > mostFrame {
		return 0, nil, errNoAMQP
	}
	body := make([]byte, size+1)
	if _, err := io.ReadFull(a.server, body); err != nil {
		return 0, nil, err
	}
	if body[size] != frameEnd || binary.BigEndian.Uint16(body) != classConnection {
		return 0, nil, errNoAMQP
	}
	return method(binary.BigEndian.Uint16(body[2:])), body[4:size], nil
}

// short is a short string: what is longer than one may be is cut, and then no name of
// anything.
func short(s string) string {
	s = s[:min(len(s), 255)]
	return string([]byte{byte(len(s))}) + s
}

func long(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

// field of a table.
func field(name string, kind byte, value []byte) string {
	return short(name) + string([]byte{kind}) + string(value)
}
