package validate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/server"
)

// poolSize: all pools of all replicas together have to fit into what the server
// accepts, or the last ones to start fail.
var poolSize = rule{
	Rule: Rule{"pool-size", "Connection pools are larger together than the database allows"},
	project: func(p *project, report report) {
		for _, db := range p.facts.Services {
			kind, known := db.Role.Kind()
			if !known || kind.Connections.Default == 0 {
				continue
			}
			limit := kind.Connections
			pools := p.poolsOf(db)
			total := 0
			var parts []string
			for _, pool := range pools {
				total += pool.connections
				parts = append(parts, fmt.Sprintf("%s %d", pool.service.Name, pool.connections))
			}
			most := p.maxConnections(db, limit) - limit.Reserved
			if len(pools) == 0 || total <= most {
				continue
			}
			largest := pools[0]
			report(p.variable(largest.service.Name, largest.variable,
				fmt.Sprintf("the pools for %s may open %d connections (%s); it accepts %d", db.Name, total, strings.Join(parts, ", "), most),
				fmt.Sprintf("lower %s, or start %s with %s%d or more", largest.variable, db.Name, limit.Option, total+limit.Reserved)))
		}
	},
}

// pool is what a service may open, in all its replicas.
type pool struct {
	service     compose.Service
	variable    string
	connections int
}

// poolsOf a database, the largest first.
func (p *project) poolsOf(db compose.Service) []pool {
	var out []pool
	for _, s := range p.facts.Services {
		if !p.isClient(s, db) {
			continue
		}
		for _, v := range s.Env {
			n, err := strconv.Atoi(p.value(s, v.Name))
			if err != nil || n <= 0 || n > 100_000 || !poolVariable.MatchString(v.Name) {
				continue
			}
			out = append(out, pool{s, v.Name, n * p.processes(s)})
			break
		}
	}
	slices.SortStableFunc(out, func(a, b pool) int { return cmp.Compare(b.connections, a.connections) })
	return out
}

var poolVariable = regexp.MustCompile(`(?i)(?:MAX(?:IMUM)?_?POOL_?SIZE|POOL_?(?:MAX_?)?SIZE|POOL_?MAX(?:_CONNS?)?|DB_?POOL|MAX_?CONNECTIONS)$`)

// processes are replicas, times what each of them forks where it says so.
func (p *project) processes(s compose.Service) int {
	workers := 1
	for _, name := range []string{"WORKER_PROCESSES", "WEB_CONCURRENCY", "UVICORN_WORKERS", "GUNICORN_WORKERS"} {
		if n, err := strconv.Atoi(p.value(s, name)); err == nil && n > 0 && n < 1000 {
			workers = n
			break
		}
	}
	return workers * max(1, min(int(s.Replicas), 10_000))
}

// isClient says that a service depends on a database, or names it.
func (p *project) isClient(s, db compose.Service) bool {
	if s.Name == db.Name {
		return false
	}
	if slices.ContainsFunc(s.DependsOn, func(d compose.Dependency) bool { return d.Service == db.Name }) {
		return true
	}
	return slices.ContainsFunc(s.Env, func(v compose.Variable) bool {
		return slices.ContainsFunc(v.References, func(r compose.Reference) bool { return r.Service == db.Name })
	})
}

var connectionsSetting = regexp.MustCompile(`(?i)max[_-]connections\s*=\s*["']?(\d{1,6})`)

func (p *project) maxConnections(db compose.Service, limit server.ConnectionLimit) int {
	texts := []string{p.command(db)}
	for _, name := range limit.Variables { // the number alone, or options
		texts = append(texts, "max_connections="+p.value(db, name), p.value(db, name))
	}
	for _, text := range texts {
		if m := connectionsSetting.FindStringSubmatch(text); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				return n
			}
		}
	}
	return limit.Default
}
