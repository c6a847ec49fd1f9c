package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// storage is what databases and other programs say of data of their own that
// they cannot use: locked, of another version, or damaged.
var storage = knowledge{
	source: "PostgreSQL miscinit.c, pg_controldata.c, xlogrecovery.c; InnoDB ut0dbg.cc, os0file.cc; " +
		"MongoDB storage_engine_init.cpp; " +
		"Elasticsearch NodeEnvironment.java; Kafka LogManager.scala; etcd wal, snap, bbolt; Redis " +
		"rdb.c, aof.c; LevelDB, RocksDB, " +
		"Badger, SQLite, H2, LMDB, Lucene; Prometheus tsdb",
	signatures: []signature{
		{
			id:    "data-locked",
			cause: v1alpha1.CauseDataLocked,
			words: ignoreCase(
				`lock file "[^"]+" already exists`,
				`Is another postmaster .{0,40}running`,
				`A server is already running(?: \(pid|\. Check)`,
				`failed to obtain node locks?`,
				`Failed to acquire lock on file .{0,20}\.lock`,
				`A Kafka instance in another process or thread is using this directory`,
				`Unable to lock \S*ib\w*`,
				`Check that you do not already have another \w+ process using the same`,
				`\bDBPathInUse\b`,
				`Unable to (?:lock|create/open) the lock file`,
				`(?:while lock file|IO error: lock|lock) [\w./-]*/LOCK: (?:Resource temporarily|already held)`,
				`Cannot acquire directory lock`,
				`lock DB directory: resource temporarily unavailable`,
				`resource temporarily unavailable.{0,40}\block\b`,
				`Database may be already in use`,
				`\bStoreLockException\b`,
				`\bLock(?:ObtainFailed|Held|File)Exception\b`,
				`Lock file has been locked by another process`,
				`Another instance of Derby may have already booted`,
				`someone else has the lock`,
				`(?:dir|directory|database|repository) (?:is )?already (?:used|in use|locked|opened) by another`,
				`(?:pid ?file|lock ?file) .{0,80}(?:already exists|exists already|is (?:already )?locked|is held)`,
				`(?:already|still) (?:running|active)\b.{0,40}\b(?:pid ?file|\.pid|lock ?file)`,
				`\(pid \d+\) already running`,
				`Another (?:instance|process|copy|server)\b.{0,40}\b(?:running|using|active)`,
				`could not (?:acquire|obtain|get) .{0,24}\block on [\w'"./]*/`,
				`cannot lock (?:the )?(?:data|file|directory|database)`,
				`failed to lock (?:the )?(?:data|file|directory|database|db)\b`,
				`(?i)Could not set lock on file`,
				`(?i)(?:could not|couldn't|cannot|can't|unable to|failed to) lock ['"]/[\w./-]+['"]`,
				`(?i)\b(?:database|file|store|index|repository) (?:is )?(?:already )?locked (?:by|exclusively`+
					`)\b`,
				`(?i)unable to (?:acquire|obtain|get) (?:an? |the )?(?:exclusive )?lock on (?:the )?(?:file|d`+
					`atabase|store|director|repository)`,
				`(?i)failed to (?:create/)?(?:acquire|obtain|get) (?:the |an? )?(?:exclusive )?(?:\w+ )?lock `+
					`(?:on |of |for )?["\']?[\w.]*/`,
			),
			unless: ignoreCase(`change ?log lock|migration|SELECT|UPDATE |deadlock|retrying|on port`),
			match:  `FATAL:  lock file "postmaster.pid" already exists`,
			not:    "INFO wrote the lock file",
		},
		{
			// A migration of SQLite's that meets the lock says so too: nothing of it is recorded.
			id:     "sqlite-locked",
			cause:  v1alpha1.CauseDataLocked,
			words:  ignoreCase(`\bdatabase (?:table |schema )?is locked\b`, `\bSQLITE_(?:BUSY|LOCKED)\b`),
			unless: ignoreCase(`change ?log lock|deadlock|retrying`),
			match:  "migration failed: database is locked (5) (SQLITE_BUSY)",
			not:    "WARN database is locked, retrying in 1s",
		},
		{
			id:    "data-incompatible",
			cause: v1alpha1.CauseDataIncompatible,
			words: ignoreCase(
				`database files are incompatible with server`,
				`data directory was initialized by PostgreSQL version`,
				`Invalid MySQL server (?:upgrade|downgrade)`,
				`(?:Upgrade|Downgrade) (?:after a crash |from \S+ )?is not supported`,
				`Unsupported redo log format`,
				`UPGRADE PROBLEM: `,
				`invalid featureCompatibilityVersion`,
				`cannot (?:up|down)grade a node from version`,
				`cannot (?:up|down)grade (?:directly )?from (?:version )?\S+`,
				`(?:created|written|saved|upgraded|made) (?:in|by|with|to|for|using) (?:an? )?`+
					`(?:newer|later|more recent|older|incompatible|unsupported) version`,
				`(?:was|is|been) created (?:by|with|to|for) an? (?:newer|later|more recent) `,
				`(?:was|is|been) (?:written|saved|upgraded) (?:by|with|to|for) an? (?:newer|later) `,
				`(?:was|is|been) (?:written|saved|upgraded) (?:by|with|to|for) an? more recent `,
				`current(?:ly)? .{0,20}minimum (?:index )?compatib\w+ version`,
				`Can't handle RDB format version`,
				`Invalid cluster\.id in: `,
				`InconsistentClusterIdException`,
				`version of the data \([^)]*\) is higher than`,
				`Database was upgraded to a more recent version`,
				`Database must be upgraded`,
				`is for a newer \w+`,
				`\bIncompatible SSTable\b|Current version \w+ is unable to read file`,
				`\b[Uu]nknown store version\b`,
				`featureCompatibilityVersion document`,
				`(?:unsupported|incompatible|unknown) `+
					`(?:on-disk |storage |data ?base |data |file |store |index |schema |wal )`+
					`(?:format |layout |file )?version`,
				`data (?:directory|files?|format|version) .{0,60}(?:not compatible|incompatible) with`,
				`not compatible with this version`,
				`cluster (?:cannot|can't) be downgraded|cluster downgrade`,
				`store (?:version|format) .{0,40}(?:not supported|too old|too new|newer)`,
				`upgrading from .{0,40} directly .{0,40}not supported`,
				`(?:unknown|unexpected) (?:backend|storage|data) format: expected \S+, found \S+`,
				`\b(?:backend|storage engine|data format) is no longer supported`,
				`\bis too (?:old|new) for (?:running|this) version`,
				`\b(?:database|data|index|store) version .{0,40}\bincompatible with (?:your|this|the) `,
			),
			unless: ignoreCase(`postgresql server version|client version|\bwarn(?:ing)?\b`),
			match: "DETAIL:  The data directory was initialized by PostgreSQL version 15, which is " +
				"not compatible with this " +
				"version 16.4.",
			not: "INFO upgraded the client to a newer version",
		},
		{
			id:    "data-corrupt",
			cause: v1alpha1.CauseDataCorrupt,
			words: ignoreCase(
				`could not locate a valid checkpoint record`,
				`invalid (?:primary |secondary )?checkpoint (?:record|link)`,
				`invalid page in block \d+`,
				`Database page corruption`,
				`InnoDB: .{0,80}\bcorrupt`,
				`Inconsistent tablespace ID`,
				`is marked as crashed and`,
				`Bad file format reading the append only file`,
				`Short read or OOM loading DB`,
				`Wrong signature trying to load DB`,
				`RDB CRC error|Wrong RDB checksum`,
				`\bcrc mismatch\b`,
				`\bchecksum (?:mismatch|failed|does not match|is incorrect|error)`,
				`\(invalid database\)`,
				`snapshot file .{0,60}(?:corrupt|broken)`,
				`file size too small \d+`,
				`failed to get all reachable pages`,
				`\bpage \d+ already freed`,
				`\bWT_PANIC\b|WT_ERROR: .{0,40}checksum`,
				`\bCorrupt(?:ed)?(?:State|Index|Record|Snapshot|SSTable|Store|File|Data|DataFile)\w*Exception\b`,
				`\bTranslogCorruptedException\b`,
				`corruption in segment|unexpected (?:end|checksum) .{0,20}\bWAL\b`,
				`Unable to load database on disk`,
				`No snapshot found, but there are log entries`,
				`database disk image is malformed`,
				`file is not a database|file is encrypted or is not a database`,
				`SQLITE_(?:CORRUPT|NOTADB)`,
				`File corrupted while reading record`,
				`^(?:.{0,60}: )?Corruption: `,
				`MANIFEST (?:has bad magic|corrupt)`,
				`(?:data|database|index|log|wal|journal|store|segment|ledger|file|catalog) (?:is `+
					`|appears |seems |file )?(?:to be )?`+
					`(?:corrupt(?:ed)?|damaged)\b`,
				`(?:corrupt(?:ed)?|damaged) (?:data|database|index|wal|journal|store)\b`,
				`(?:corrupt(?:ed)?|damaged) (?:segment|log|snapshot|block|page|checkpoint)\b`,
				`not_a_dets_file|bad_?term.{0,40}mnesia`,
				`\bMDB_(?:INVALID|CORRUPTED|PAGE_NOTFOUND|PANIC)\b`,
				`Suspiciously (?:many|big) .{0,60}broken parts`,
				`opening storage failed: .{0,80}invalid (?:magic number|checksum|encoding)`,
			),
			unless: ignoreCase(
				`migration|change ?set|validation failed|module|package|npm|download|image layer|renamed|truncat`,
				`rebuild|recovered|repaired|heap|memory|stack|flyway|liquibase`,
			),
			match: "PANIC:  could not locate a valid checkpoint record",
			not:   "npm ERR! checksum mismatch of package left-pad",
		},
	},
}

// differs is how a checksum is told to be another one.
const differs = `(?:failed|mismatch|differs?|does not match|changed)`

// migrations is what migration tools, and programs that look for them, say of a
// schema that they will not start with.
var migrations = knowledge{
	source: "golang-migrate, Flyway, Liquibase, Alembic, Django, Active Record, Prisma, Knex, Ecto, " +
		"goose, sqlx, EF Core; what " +
		"servers print that check their schema at the start",
	signatures: []signature{
		{
			id:    "migration-tools",
			cause: v1alpha1.CauseMigrationFailed,
			words: []string{
				`Dirty database version -?\d+`,
				`\bFlywayValidateException\b`,
				`Migrations? (?:have|has) failed validation`,
				`(?i)Detected (?:failed|applied|resolved) migration`,
				`Migration checksum mismatch`,
				`Found non-empty schema\(s\) .{0,80}but no schema history table`,
				`Schema .{0,80} contains a failed migration`,
				`(?i)Could not acquire change ?log lock`,
				`(?i)liquibase.{0,60}(?:LockException|ValidationFailedException|MigrationFailedException)`,
				`changesets? (?:check ?sums?|had a checksum)`,
				`Can't locate revision identified by`,
				`(?i)Multiple head revisions are present`,
				`Target database is not up to date`,
				`\bInconsistentMigrationHistory\b`,
				`Conflicting migrations detected`,
				`\bPendingMigrationError\b`,
				`(?i)Migrations are pending`,
				`\b(?:Duplicate|Irreversible|Concurrent|Unknown)Migration\w*(?:Error|Exception)\b`,
				`this and all later migrations canceled`,
				`\bP30(?:05|06|08|09|12|14|15|16|18|19)\b`,
				`(?i)migrate found failed migrations`,
				`\bMigrationLocked\b|Migration table is already locked`,
				`(?i)migration directory is corrupt`,
				`\bEcto\.MigrationError\b`,
				`found \d+ missing migrations`,
				`(?i)\b(?:checksum|hash|digest|md5|sha\d*)\b.{0,30}` + differs + ` .{0,20}migration`,
				`(?i)migration\b.{0,60}(?:checksum|hash|digest)\b.{0,30}` + differs,
				`(?i)migration \S+ was previously applied but`,
				`(?i)Unable to complete saved object migrations`,
			},
			unless: ignoreCase(
				`connection refused|no such host|timeout|password authentication|pg_hba|\bSQLSTATE\b|does not exist`,
			),
			match: "error: Dirty database version 7. Fix and force version.",
			not:   "INFO running migrations",
		},
		{
			id:    "migration-schema-version",
			cause: v1alpha1.CauseMigrationFailed,
			words: ignoreCase(
				`database (?:schema |version )?(?:is )?not up[- ]to[- ]date`,
				`database (?:schema |version )?(?:is )?(?:out[- ]of[- ]date|outdated|too old|too new)`,
				`out-of-date database schema`,
				`schema (?:version )?(?:is )?(?:not up[- ]to[- ]date|out[- ]of[- ]date|outdated|too old|too new)`,
				`schema version .{0,60}(?:mismatch|does not match)`,
				`schema version .{0,60}(?:is (?:newer|older|higher|lower)|not supported|incompatible)`,
				`database version does not match current requirements`,
				`You need to (?:initiali[sz]e|upgrade|migrate) (?:the|your) database`,
				`please (?:run|apply|execute) (?:the |your |all |pending |database )*migrations?`,
				`(?:there are |you have |has |have )?(?:\d+ )?(?:pending|unapplied|unfinished) (?:\w+ )?migrations?\b`,
				`version mismatch .{0,60}schema`,
			),
			unless: ignoreCase(`\bwarn(?:ing)?\b|will be applied|applying|running|no pending|0 pending`),
			match:  "The database schema is not up to date: current=v0 expected=v103",
			not:    "INFO the database schema is up to date",
		},
		{
			// What is said around the server's or the tool's own reason.
			id:     "migration-summary",
			cause:  v1alpha1.CauseMigrationFailed,
			weight: weightGeneric,
			words: []string{
				`(?i)migration .{0,60}(?:failed|is dirty|was modified)$`,
				`(?i)failed to (?:run|apply|execute|perform) (?:\S+ ){0,3}migrations?\b`,
				`(?i)(?:error|failure) (?:running|applying|executing|during|while) (?:\S+ ){0,3}migrations?\b`,
				`(?i)\bmigration failed\b`,
			},
			match: "migration failed, exiting",
			not:   "INFO migration done",
		},
	},
}
