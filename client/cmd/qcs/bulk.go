package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/client/internal/jwt"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// bulkCommand cancels or deletes many schedules.
type bulkCommand struct {
	verb, done string
	acts       []api.Status // the statuses of schedules that the job acts on
	call       func(c *client.Client, ctx context.Context, registryID string, s client.Selection) (*client.Job, error)
}

// title is the verb with a capital letter.
func (b bulkCommand) title() string { return strings.ToUpper(b.verb[:1]) + b.verb[1:] }

// bulkFlags are the flags of a bulk command.
type bulkFlags struct {
	filter                 string
	all, yes, dryRun, wait bool
	snapshot               int
}

func (b bulkCommand) command(p *program) *cobra.Command {
	var flags bulkFlags
	cmd := &cobra.Command{
		Use:   b.verb + " REGISTRY [SCHEDULE...]",
		Short: b.title() + " schedules: by ids, from standard input (-), by --filter, or --all",
		Long: fmt.Sprintf(
			"The service starts a job and responds at once; the schedules are %s later. --wait waits for it.\n"+
				"Only schedules in these states are changed: %s.\n"+
				"Before the call, the command prints how many schedules will change, and asks for a "+
				"confirmation. With --wait, exit code 7 means that not all selected schedules were %[1]s.",
			b.done,
			joined(b.acts),
		),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: p.completeSchedule,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.inSession(cmd, func(ctx context.Context, s *session) error {
				return b.run(ctx, p, &bulkRun{bulkFlags: flags, session: s, registry: args[0], ids: args[1:]})
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.filter, "filter", "", "schedules that match a QQL query, such as status:Running")
	f.BoolVar(&flags.all, "all", false, "all schedules of the registry")
	f.BoolVarP(&flags.yes, "yes", "y", false, "do not ask for a confirmation")
	f.BoolVar(&flags.dryRun, "dry-run", false, "print how many schedules would change, and change nothing")
	f.BoolVar(&flags.wait, "wait", false, "wait until the job is done, and print its result")
	f.IntVar(
		&flags.snapshot, "snapshot", 10_000,
		"with --wait on a vendor's platform: maximum number of schedules, which are listed before the call",
	)
	return cmd
}

// bulkRun is one run of a bulk command.
type bulkRun struct {
	bulkFlags
	*session
	registry string
	ids      []string
}

// selection gives the selection of the arguments and flags.
func (r *bulkRun) selection(p *program) (client.Selection, error) {
	if len(r.ids) == 1 && r.ids[0] == "-" {
		in, err := p.input("-")
		if err != nil {
			return client.Selection{}, err
		}
		text, err := io.ReadAll(in)
		if err != nil {
			return client.Selection{}, err
		}
		r.ids = strings.Fields(string(text)) // ids are separated by blanks or line ends
		if !r.yes && !r.dryRun {
			return client.Selection{}, &usageError{
				"ids come from standard input, so nobody can be asked: add --yes or --dry-run",
			}
		}
		if len(r.ids) == 0 {
			return client.Selection{}, &usageError{"no ids came from standard input"}
		}
	}
	switch {
	case len(r.ids) > 0 && (r.filter != "" || r.all), r.filter != "" && r.all:
		return client.Selection{}, &usageError{"give ids, --filter or --all, not several of them"}
	case len(r.ids) > 0:
		return client.IDs(r.ids...), nil
	case r.filter != "":
		return client.Filter(r.filter), nil
	case r.all:
		return client.All(), nil
	}
	return client.Selection{}, &usageError{"give ids, --filter or --all"}
}

// unique sorts ids and removes repeated ones.
func unique(ids []string) []string { return slices.Compact(slices.Sorted(slices.Values(ids))) }

func (b bulkCommand) run(ctx context.Context, p *program, r *bulkRun) error {
	selection, err := r.selection(p)
	if err != nil {
		return err
	}
	o, err := p.jobs(r.wait) // before the call: wrong columns must not start a job
	if err != nil {
		return err
	}
	if r.exchange.several = true; !r.exchange.curl {
		if err := b.confirm(ctx, p, r); err != nil || r.dryRun {
			return err
		}
		if r.wait && !r.exchange.emulator && len(r.ids) == 0 {
			selection = selection.Snapshot(r.snapshot)
		}
	}
	var raw []byte
	job, err := b.call(r.Client, client.WithRawResponse(ctx, &raw), r.registry, selection)
	if job == nil || r.exchange.curl {
		return err
	}
	if err != nil { // the error of a later batch of ids
		return &partialError{
			fmt.Sprintf("a part of the ids was sent (jobs %s), then: %s", strings.Join(job.IDs, " "), line(err)),
		}
	}
	if r.wait {
		return o.await(ctx, job, b.done)
	}
	return o.started(job, raw)
}

// jobs gives the printer of a bulk command: for the result of the job when the command waits for
// it, otherwise for the ids of the job.
func (p *program) jobs(wait bool) (*printer, error) {
	if wait {
		return p.printer(outcome{}, "jobIds", "matched", "changed", "skipped")
	}
	return p.printer(jobReference{}, "jobIds")
}

// started prints the ids of a new job.
func (o *printer) started(job *client.Job, raw []byte) error {
	if len(job.IDs) > 1 {
		raw = nil // the response of the last call has one id
	}
	return o.value(jobReference{job.IDs}, raw)
}

// jobReference has the ids of a new job.
type jobReference struct {
	JobIDs []string `json:"jobIds"`
}

// confirm prints how many schedules the command will change, and asks for a confirmation.
func (b bulkCommand) confirm(ctx context.Context, p *program, r *bulkRun) error {
	selected, changed, err := b.count(ctx, r)
	if err != nil {
		return err
	}
	fmt.Fprintf(
		p.stderr, "%d of %d selected schedules of registry %s at %s will be %s.\n", changed, selected,
		r.registry, r.where(), b.done,
	)
	return p.confirm(ctx, b.title(), r.yes || r.dryRun)
}

// where gives the address and kind of the service, and the user, in words.
func (s *session) where() string {
	user := cmp.Or(s.account.User, jwt.Parse(s.account.Token).Subject, "the user of the token")
	return fmt.Sprintf("%s (%s, as %s)", s.account.target(), s.place(), user)
}

// confirm asks the user for a yes, unless --yes was given.
func (p *program) confirm(ctx context.Context, what string, yes bool) error {
	if yes {
		return nil
	}
	if in, ok := p.stdin.(*os.File); !ok || !term.IsTerminal(int(in.Fd())) {
		return &usageError{"nobody can be asked here: add --yes"}
	}
	fmt.Fprintf(p.stderr, "%s? [y/N] ", what)
	answer, err := withContext(ctx, func() (string, error) { return bufio.NewReader(p.stdin).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
		return errors.New("nothing was done")
	}
	return nil
}

// count counts the selected schedules, and those among them that the job acts on.
func (b bulkCommand) count(ctx context.Context, r *bulkRun) (selected, changed int, err error) {
	statuses := qql.In("status", b.acts...).String()
	if len(r.ids) == 0 {
		all := cmp.Or(r.filter, qql.Exists("scheduleUuid").String())
		if selected, err = r.matches(ctx, all); err == nil {
			changed, err = r.matches(ctx, "("+all+") AND "+statuses)
		}
		return selected, changed, err
	}
	for batch := range slices.Chunk(unique(r.ids), 100) {
		n, err := r.matches(ctx, qql.In("scheduleUuid", batch...).String()+" AND "+statuses)
		if err != nil {
			return 0, 0, err
		}
		selected, changed = selected+len(batch), changed+n
	}
	return selected, changed, nil
}

// matches counts the schedules that match a filter.
func (r *bulkRun) matches(ctx context.Context, filter string) (int, error) {
	var raw []byte
	n := 0
	list := client.List{Filter: filter, PageSize: 1, Limit: 1}
	for _, err := range r.ListSchedules(client.WithRawResponse(ctx, &raw), r.registry, list) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return total(raw, n), nil
}

// await waits for a job, shows its progress, and prints its result.
func (o *printer) await(ctx context.Context, job *client.Job, done string) error {
	// Print the ids first: "qcs job wait" needs them after an interruption.
	fmt.Fprintf(o.stderr, "Jobs: %s\n", strings.Join(job.IDs, " "))
	progress := func(n, of int) { fmt.Fprintf(o.stderr, "%d of %d\n", n, of) }
	if _, terminal := o.width(o.stderr); terminal {
		bar := progressbar.NewOptions(
			-1, progressbar.OptionSetWriter(o.stderr), progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish(),
		)
		defer func() { _ = bar.Finish() }()
		progress = func(n, of int) {
			bar.ChangeMax(max(of, 1))
			_ = bar.Set(n)
		}
	}
	last := [2]int{-1, -1}
	result, err := job.Wait(ctx, func(n, of int) {
		if now := [2]int{n, of}; now != last {
			last = now
			progress(n, of)
		}
	})
	if err != nil {
		return err
	}
	if err := o.value(outcome{job.IDs, result.Matched, result.Changed, result.Skipped}, nil); err != nil {
		return err
	}
	if len(result.Skipped) == 0 {
		return nil
	}
	var left []string
	for _, reason := range slices.Sorted(maps.Keys(result.Skipped)) {
		left = append(left, fmt.Sprintf("%d %s", result.Skipped[reason], reason))
	}
	return &partialError{fmt.Sprintf("%d %s, left as they are: %s", result.Changed, done, strings.Join(left, ", "))}
}

// outcome is the result of a job.
type outcome struct {
	JobIDs  []string       `json:"jobIds"`
	Matched int            `json:"matched"`
	Changed int            `json:"changed"`
	Skipped map[string]int `json:"skipped,omitempty"`
}

func joined(statuses []api.Status) string {
	var names []string
	for _, s := range statuses {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
