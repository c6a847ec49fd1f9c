package server

import (
	"errors"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

func TestMySQL(t *testing.T) {
	type vars = evidence.ConnectionVariables
	all := func(prefix string) vars {
		return vars{Host: prefix + "HOST", Port: prefix + "PORT", Database: prefix + "DATABASE", User: prefix + "USER", Password: prefix + "PASSWORD"}
	}
	tests := []struct {
		name     string
		env      []string
		names    v1alpha1.ConnectionEnv
		want     evidence.Connection
		password string
	}{
		{"the image's own names", []string{"MYSQL_HOST=db", "MYSQL_PORT=3307", "MYSQL_DATABASE=shop", "MYSQL_USER=u", "MYSQL_PASSWORD=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3307), User: "u", PasswordWanted: true, Database: "shop", Variables: all("MYSQL_")}, "p"},
		{"MariaDB's", []string{"MARIADB_HOST=db", "MARIADB_PASSWORD=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), PasswordWanted: true, Variables: vars{Host: "MARIADB_HOST", Password: "MARIADB_PASSWORD"}}, "p"},
		{"Laravel", []string{"DB_CONNECTION=mysql", "DB_HOST=db", "DB_PORT=3306", "DB_DATABASE=shop", "DB_USERNAME=u", "DB_PASSWORD=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), User: "u", PasswordWanted: true, Database: "shop",
				Variables: vars{Host: "DB_HOST", Port: "DB_PORT", Database: "DB_DATABASE", User: "DB_USERNAME", Password: "DB_PASSWORD"}}, "p"},
		{"Django", []string{"DB_ENGINE=django.db.backends.mysql", "DB_HOST=db", "DB_NAME=shop"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), Database: "shop", Variables: vars{Host: "DB_HOST", Database: "DB_NAME"}}, ""},
		{"WordPress", []string{"WORDPRESS_DB_HOST=db:3307", "WORDPRESS_DB_USER=u", "WORDPRESS_DB_PASSWORD=p", "WORDPRESS_DB_NAME=wp"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3307), User: "u", PasswordWanted: true, Database: "wp",
				Variables: vars{Host: "WORDPRESS_DB_HOST", Database: "WORDPRESS_DB_NAME", User: "WORDPRESS_DB_USER", Password: "WORDPRESS_DB_PASSWORD"}}, "p"},
		{"nothing says for what, and the stack has one", []string{"DB_HOST=db", "DB_PASS=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), PasswordWanted: true, Variables: vars{Host: "DB_HOST", Password: "DB_PASS"}}, "p"},
		{"Rails", []string{"DATABASE_URL=mysql2://u:p@db/shop?ssl_mode=required"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), User: "u", PasswordWanted: true, Database: "shop", TLS: evidence.TLSRequire, Variables: vars{URL: "DATABASE_URL"}}, "p"},
		{"SQLAlchemy", []string{"DATABASE_URL=mysql+pymysql://u:p@db:3307/shop?charset=utf8mb4"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3307), User: "u", PasswordWanted: true, Database: "shop", Variables: vars{URL: "DATABASE_URL"}}, "p"},
		{"Spring", []string{"SPRING_DATASOURCE_URL=jdbc:mysql://db:3306/shop?useSSL=false", "SPRING_DATASOURCE_USERNAME=u", "SPRING_DATASOURCE_PASSWORD=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), User: "u", PasswordWanted: true, Database: "shop", TLS: evidence.TLSDisable,
				Variables: vars{URL: "SPRING_DATASOURCE_URL", User: "SPRING_DATASOURCE_USERNAME", Password: "SPRING_DATASOURCE_PASSWORD"}}, "p"},
		{"several hosts", []string{"JDBC_URL=jdbc:mariadb:sequential://a,b:3307/shop?sslMode=VERIFY_IDENTITY"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("a", 3306), Database: "shop", TLS: evidence.TLSVerifyFull, Variables: vars{URL: "JDBC_URL"}}, ""},
		{"Go", []string{"DB_DSN=u:p@ss@tcp(db:3307)/shop?parseTime=true&tls=skip-verify"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3307), User: "u", PasswordWanted: true, Database: "shop", TLS: evidence.TLSRequire, Variables: vars{URL: "DB_DSN"}}, "p@ss"},
		{"Go, with TLS that checks", []string{"MYSQL_DSN=u@tcp(db)/?tls=true"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), User: "u", TLS: evidence.TLSVerifyFull, Variables: vars{URL: "MYSQL_DSN"}}, ""},
		{"PDO", []string{"DATABASE_DSN=mysql:host=db;port=3307;dbname=shop"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3307), Database: "shop", Variables: vars{URL: "DATABASE_DSN"}}, ""},
		{"ADO.NET", []string{"ConnectionStrings__Default=Server=db;Port=3306;Database=shop;Uid=u;Pwd=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 3306), User: "u", PasswordWanted: true, Database: "shop", Variables: vars{URL: "ConnectionStrings__Default"}}, "p"},
		{"spelled out", []string{"LEDGER=ledger-db", "HOW=p", "MYSQL_HOST=other"}, v1alpha1.ConnectionEnv{Host: "LEDGER", Password: "HOW"},
			evidence.Connection{Servers: at("ledger-db", 3306), PasswordWanted: true, Variables: vars{Host: "LEDGER", Password: "HOW"}}, "p"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := mysqlClient(env(tt.env...), Spelled{tt.names, true})
			if !ok {
				t.Fatal("nothing was found")
			}
			tt.want.Protocol = evidence.MySQL
			compare(t, got, tt.want, tt.password)
		})
	}
}

func TestOthersAreNotMySQL(t *testing.T) {
	for _, e := range [][]string{
		{},
		{"DB_CONNECTION=pgsql", "DB_HOST=db"},
		{"DB_HOST=db", "DB_PORT=5432"},
		{"DB_HOST=postgres.shop.svc"},
		{"DATABASE_URL=postgres://u:p@db/d"},
		{"DATABASE_DSN=host=db port=5432 dbname=d"},
		{"CONNECTIONSTRINGS__DEFAULT=Host=db;Database=d;Username=u"},
		{"CONNECTIONSTRINGS__DEFAULT=Server=db,1433;Database=d;User Id=sa"},
	} {
		if got, ok := mysqlClient(env(e...), Spelled{}); ok {
			t.Errorf("%v was taken for %+v", e, got)
		}
	}
}

// Where nobody declares a dependency, variables that do not say for what they are
// count as PostgreSQL's, unless their host is called after MySQL.
func TestEnginesOfVariables(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want evidence.Protocol
	}{
		{[]string{"DB_HOST=db"}, evidence.Postgres},
		{[]string{"DB_HOST=mysql"}, evidence.MySQL},
		{[]string{"DB_HOST=mariadb.shop.svc"}, evidence.MySQL},
		{[]string{"DB_HOST=db:3306"}, evidence.MySQL},
		{[]string{"ORDERS_DB_HOST=db", "ORDERS_DB_PORT=3306"}, evidence.MySQL},
		{[]string{"WORDPRESS_DB_HOST=db"}, evidence.MySQL},
		{[]string{"DB_CONNECTION=pgsql", "DB_HOST=mysql"}, evidence.Postgres},
		{[]string{"DATABASE_URL=mysql://db/d"}, evidence.MySQL},
	} {
		got := Implied(env(c.env...))
		if len(got) != 1 || got[0].Protocol != c.want {
			t.Errorf("%v is taken for %+v, want %s", c.env, got, c.want)
		}
	}
}

// The address of Go's driver keeps its form, and its password stays where it is.
func TestRelocateGoMySQL(t *testing.T) {
	to := at("mysql", 3306)
	for value, want := range map[string]string{
		"u@tcp(localhost:3307)/shop?parseTime=true": "u@tcp(mysql:3306)/shop?parseTime=true",
		"tcp(localhost)/shop":                       "tcp(mysql)/shop",
		"u:p@tcp(localhost:3307)/shop":              "", // a secret is not written down
		"u@unix(/run/mysqld.sock)/shop":             "",
		"mysql:host=localhost;dbname=shop":          "",
		"jdbc:mysql://localhost:3307/shop?x=y":      "jdbc:mysql://mysql:3306/shop?x=y",
		"jdbc:mariadb://localhost/shop":             "jdbc:mariadb://mysql/shop",
	} {
		got, err := Relocate(value, to, mysqlPort, false)
		if got != want || (err != nil) != (want == "") || err != nil && !errors.Is(err, ErrForm) {
			t.Errorf("%s: got %q, %v, want %q", value, got, err, want)
		}
		if want == "" {
			continue
		}
		v := evidence.ConnectionVariables{URL: "X"}
		if servers := ServersOf(evidence.MySQL, v, func(string) string { return got }); len(servers) != 1 || servers[0] != to[0] {
			t.Errorf("%s is read as %v", got, servers)
		}
	}
}

func TestMySQLErrors(t *testing.T) {
	for code, want := range map[string]v1alpha1.Cause{
		"1040": v1alpha1.CauseUpstreamOverloaded, "1045": v1alpha1.CauseUpstreamAuthFailed, "1049": v1alpha1.CauseUpstreamIncompatible,
		"1290": v1alpha1.CauseUpstreamRejectsWrites, "3159": v1alpha1.CauseUpstreamTLSMismatch, "1047": v1alpha1.CauseUpstreamStarting,
		evidence.CodeNXDomain: v1alpha1.CauseUpstreamUnreachable, evidence.CodeTLSRequired: v1alpha1.CauseUpstreamTLSMismatch, "9999": "",
	} {
		if got, _ := Of(evidence.MySQL).CauseOf(evidence.Stage{Code: code}, evidence.Dependency{}); got != want {
			t.Errorf("%s is %q, want %q", code, got, want)
		}
	}
	seen := map[string]v1alpha1.Cause{}
	for cause, codes := range mysqlErrors {
		for _, code := range codes {
			if seen[code] != "" {
				t.Errorf("%s is both %s and %s", code, seen[code], cause)
			}
			seen[code] = cause
			if _, known := classOfMySQL(code); !known {
				t.Errorf("%s is of no class", code)
			}
		}
	}
}
