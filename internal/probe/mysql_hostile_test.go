package probe

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

// fakeMySQL is one connection of a server that greets as MySQL does, and then answers as
// a test has it. It keeps all that the client sent.
type fakeMySQL struct {
	net.Conn
	plugin string
	config *tls.Config
	sent   *received
}

// received is written by a server and read by a test.
type received struct {
	mutex sync.Mutex
	all   bytes.Buffer
}

func (r *received) Write(p []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.all.Write(p)
}

func (r *received) has(text string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return bytes.Contains(r.all.Bytes(), []byte(text))
}

func (f *fakeMySQL) send(number byte, body ...byte) {
	_, _ = f.Write(append([]byte{byte(len(body)), byte(len(body) >> 8), 0, number}, body...))
}

// receive is the client's next packet.
func (f *fakeMySQL) receive() []byte {
	head := make([]byte, 4)
	if _, err := io.ReadFull(f.Conn, head); err != nil {
		return nil
	}
	body := make([]byte, int(head[0])|int(head[1])<<8)
	_, _ = io.ReadFull(f.Conn, body)
	_, _ = f.sent.Write(body)
	return body
}

// greet sends the greeting and takes the client's response, over TLS where it can. It
// is the number of the next packet.
func (f *fakeMySQL) greet() byte {
	const flags = 0x000fa200 | 0x8 // PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, CONNECT_WITH_DB and more
	capabilities := uint32(flags)
	if f.config != nil {
		capabilities |= mysqlClientTLS
	}
	body := append([]byte{mysqlProtocol10}, "8.4.0\x00\x01\x00\x00\x00abcdefgh\x00"...)
	body = binary.LittleEndian.AppendUint16(body, uint16(capabilities))
	body = append(body, 45, 2, 0)
	body = binary.LittleEndian.AppendUint16(body, uint16(capabilities>>16))
	body = append(body, 21)
	body = append(body, make([]byte, 10)...)
	body = append(body, "ijklmnopqrst\x00"...)
	f.send(0, append(body, f.plugin+"\x00"...)...)
	first := f.receive()
	if f.config == nil || len(first) != mysqlResponseHead {
		return 2
	}
	f.Conn = tls.Server(f.Conn, f.config)
	f.receive()
	return 3
}

var (
	fakeOK     = []byte{mysqlOK, 0, 0, 2, 0, 0, 0}
	fakeDenied = append([]byte{mysqlError, 0x15, 0x04}, "#28000Access denied for user 'u'"...)
)

// What a server may ask for, and what it never gets: a password that travels in the
// clear, one that goes to whoever hands over a key, a hash of before 4.1, a file.
func TestMySQLServersThatAskForMore(t *testing.T) {
	const password = "p4ssw0rd-of-the-client"
	secret := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(secret, []byte("content-of-a-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	switchTo := func(plugin string) func(*fakeMySQL) {
		return func(f *fakeMySQL) {
			f.send(f.greet(), append([]byte{mysqlSwitch}, plugin+"\x00abcdefghijklmnopqrst\x00"...)...)
			f.receive()
			f.receive()
		}
	}
	fullLogin := func(answer []byte) func(*fakeMySQL) {
		return func(f *fakeMySQL) {
			number := f.greet()
			f.send(number, mysqlMoreData, mysqlFullLogin)
			f.receive()
			f.send(number+2, answer...)
			for range 3 { // queries
				f.receive()
				f.send(1, append([]byte{0xfb}, secret...)...)
			}
			f.receive()
		}
	}
	authority := servers.NewAuthority(t)
	config := authority.Issue(t, time.Hour, "127.0.0.1").Config(t)
	for name, c := range map[string]struct {
		plugin string
		tls    bool
		answer func(*fakeMySQL)
		want   string
		// travels says that the password does, over TLS.
		travels bool
	}{
		"the password in the clear":            {"mysql_native_password", false, switchTo("mysql_clear_password"), "Resolve Dial TLS Authenticate Unknown PROTOCOL", false},
		"the password in the clear, over TLS":  {"mysql_native_password", true, switchTo("mysql_clear_password"), "Resolve Dial TLS Authenticate Unknown PROTOCOL", false},
		"the old hash":                         {"mysql_native_password", false, switchTo("mysql_old_password"), "Resolve Dial TLS Authenticate Unknown PROTOCOL", false},
		"a dialogue":                           {"mysql_native_password", false, switchTo("dialog"), "Resolve Dial TLS Authenticate Unknown PROTOCOL", false},
		"the password for its key":             {"caching_sha2_password", false, fullLogin(fakeOK), "Resolve Dial TLS Authenticate Unknown PROTOCOL", false},
		"sha256_password":                      {"caching_sha2_password", false, switchTo("sha256_password"), "Resolve Dial TLS Authenticate Unknown PROTOCOL", false},
		"sha256_password, over TLS":            {"sha256_password", true, switchTo("sha256_password"), "Resolve Dial Authenticate Unknown PROTOCOL", false},
		"the first login of an account":        {"caching_sha2_password", true, fullLogin(fakeDenied), "Resolve Dial TLS Authenticate Failed 1045", true},
		"the first login, and then for a file": {"caching_sha2_password", true, fullLogin(fakeOK), "Resolve Dial TLS Authenticate Database Query Unknown PROTOCOL", true},
	} {
		t.Run(name, func(t *testing.T) {
			sent := &received{}
			at := serving(t, func(conn net.Conn) {
				f := &fakeMySQL{Conn: conn, plugin: c.plugin, sent: sent}
				if c.tls {
					f.config = config
				}
				c.answer(f)
			})
			got := probe(t, local(), evidence.Connection{Protocol: evidence.MySQL, User: "u", Password: evidence.NewSecret(password), Servers: []evidence.HostPort{at}})
			expect(t, got, c.want)
			if sent.has(password) != c.travels {
				t.Errorf("the server got the password: %t", !c.travels)
			}
			if sent.has("content-of-a-file") {
				t.Error("the server got a file")
			}
			for _, stage := range got.Stages {
				if strings.Contains(stage.Message, password) {
					t.Errorf("stage %s says %q", stage.Name, stage.Message)
				}
			}
		})
	}
}

// Packets of before the login's end that are cut short: they are no reason for a panic in
// the client library, which would leave a goroutine behind for each.
func FuzzMySQLPackets(f *testing.F) {
	f.Add([]byte{mysqlProtocol10, '8', 0, 1, 2}, []byte{mysqlOK})
	f.Add([]byte{mysqlError, 0x10}, []byte{mysqlError})
	f.Add([]byte{}, []byte{mysqlSwitch})
	f.Fuzz(func(t *testing.T, greeting, answer []byte) {
		for _, body := range [][]byte{greeting, answer} {
			if len(body) == 0 {
				continue
			}
			for _, greeted := range []bool{false, true} {
				w := &mysqlWire{greeted: greeted}
				packet, err := w.connecting(append([]byte{0, 0, 0, 0}, body...))
				if err == nil && len(packet) < 5 {
					t.Errorf("a packet of %d bytes passes", len(packet))
				}
			}
		}
	})
}
