package doctor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
)

const databaseTopic = "database"

// damageTime bounds the reading of the whole database. One with 100,000 certificates takes a second or two.
const damageTime = 10 * time.Second

// walWarning is the size of a write-ahead log in octets that says that nobody could empty it for long.
const walWarning = 256 << 20

// networkFileSystems are those on which locks and shared memory do not do what SQLite needs, by the number in statfs(2).
var networkFileSystems = map[int64]string{0x6969: "NFS", 0x517b: "SMB", 0xfe534d42: "SMB", 0xff534d42: "CIFS", 0x01021997: "9p", 0x5346414f: "AFS", 0x00c36400: "Ceph"}

// database looks at the database, which is open.
func (r *Report) database(ctx context.Context, i *premises.State) {
	const topic = databaseTopic
	if err := i.Store.Ping(ctx); err != nil {
		r.fail("error", topic, err, "restore it from a backup")
		return
	}
	found, err := i.Store.Inspect(ctx)
	if err != nil {
		r.fail("error", topic, err, "restore it from a backup")
		return
	}
	file := premises.Database(i.Config)
	if i.Config.Database == "" {
		r.sqliteFile(topic, file)
	}
	limited, cancel := context.WithTimeout(ctx, damageTime)
	defer cancel()
	damage, err := i.Store.Damage(limited)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.add("warning", topic, fmt.Sprintf("%v was not enough to read all of it, so damage was not looked for", damageTime),
			fmt.Sprintf("sqlite3 %s 'PRAGMA integrity_check'; the daemon may go on", shell.Quote(file)))
	case err != nil:
		r.fail("error", topic, err, "restore it from a backup")
	case len(damage) > 0:
		r.add("error", topic, fmt.Sprintf("%s is damaged: %s", file, damage[0]),
			"stop sealmilter, restore the file from a backup, or move it away and import the keys again; look at the disk, too")
	default:
		r.add("ok", topic, fmt.Sprintf("%s can be used: schema %d, %.1f MiB", found.Engine, found.Schema, float64(found.Size)/(1<<20)), "")
	}
}

// lost says so if there is no file where the database of this host has been.
func (r *Report) lost(ctx context.Context, c *config.Config) bool {
	file := premises.Database(c)
	if err := premises.Lost(c); err != nil {
		r.fail("error", databaseTopic, err, "")
		return true
	}
	if c.Database == "" && !premises.Exists(file) && Listens(ctx, c.Listen) {
		r.add("error", databaseTopic, file+" does not exist, though sealmilter runs: mail is put off", "put it back, or restore it from a backup (docs/operations.md), or restart sealmilter to begin anew")
		return true
	}
	return false
}

// sqliteFile looks at where the file lies, and at what lies beside it.
func (r *Report) sqliteFile(topic, file string) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(file, &s); err == nil {
		if name, network := networkFileSystems[int64(s.Type)]; network {
			r.add("error", topic, fmt.Sprintf("%s lies on a network file system (%s), where SQLite loses data", file, name),
				"let state in the configuration name a folder on a disk of this host; several hosts share a PostgreSQL database: docs/database.md")
		}
	}
	var log syscall.Stat_t
	if err := syscall.Stat(file+"-wal", &log); err == nil && log.Size > walWarning {
		r.add("warning", topic, fmt.Sprintf("its log %s-wal has grown to %d MiB: some program keeps the database open for reading", filepath.Base(file), log.Size>>20),
			"stop the other programs that have it open (fuser "+shell.Quote(file)+"), then restart sealmilter")
	}
}
