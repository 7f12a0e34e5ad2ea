package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
)

// configure returns the settings of a command, and the options of the emulator.
func (p *program) configure(cmd *cobra.Command) (*koanf.Koanf, server.Options, error) {
	k, err := p.settings(cmd.Flags())
	if err != nil {
		return nil, server.Options{}, err
	}
	options, err := p.options(k)
	return k, options, err
}

// withData calls do with existing data, which it only reads. It also works while the daemon runs.
func (p *program) withData(cmd *cobra.Command, do func(*server.Server, *koanf.Koanf) error) error {
	k, options, err := p.configure(cmd)
	if err != nil {
		return err
	}
	options.Existing = true
	s, err := server.New(options)
	if err != nil {
		return err
	}
	return errors.Join(do(s, k), s.Close())
}

func tokenCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print a token for a user, signed with the key of the data folder",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withData(cmd, func(s *server.Server, k *koanf.Koanf) error {
				user := cmp.Or(k.String(keyUser), s.DefaultUser())
				if user == "" {
					return errors.New("the database has no user: set QCSD_USERS as for the daemon")
				}
				token, err := s.Token(user)
				if err == nil {
					_, err = fmt.Fprintln(p.stdout, token)
				}
				return err
			})
		},
	}
	cmd.Flags().String(keyUser, "", "name of the user; default: the first")
	return cmd
}

func resetCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Remove all registries, schedules and jobs; with --seed, load the seed again",
		Long: "Removes all registries, schedules and jobs of all worlds, also while the daemon runs on the " +
			"same data folder. Users, passwords and tokens stay.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, options, err := p.configure(cmd)
			if err != nil {
				return err
			}
			return server.Reset(cmd.Context(), options)
		},
	}
}

func backupCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a new file, also while the daemon runs",
		Long: "Copies the SQLite database as it is now to a file that does not exist yet, also while the " +
			"daemon runs. The copy does not contain the signing key.\nTo restore: stop qcsd, replace qcs.db in the " +
			"data folder with the file, and delete qcs.db-wal and qcs.db-shm.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withData(cmd, func(s *server.Server, _ *koanf.Koanf) error {
				return s.Backup(cmd.Context(), args[0])
			})
		},
	}
}

// errDamaged is the error of check for damaged data.
var errDamaged = errors.New("the data is damaged")

func checkCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look for damage in the data: print the findings, and fail if there are any; nothing is repaired",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withData(cmd, func(s *server.Server, _ *koanf.Koanf) error {
				found, err := s.Check(cmd.Context())
				for _, line := range found {
					fmt.Fprintln(p.stdout, line)
				}
				if err == nil && len(found) > 0 {
					err = fmt.Errorf("%w: %d findings", errDamaged, len(found))
				}
				return err
			})
		},
	}
}

// errBreaking is the error of diff for breaking changes.
var errBreaking = errors.New("the documents are not compatible")

func diffCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "diff BASE HEAD",
		Short: "Print the changes between two OpenAPI documents that break clients of the first, and fail if " +
			"there are any",
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			base, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			head, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			changes, err := contract.Breaking(base, head)
			if err != nil {
				return err
			}
			for _, c := range changes {
				fmt.Fprintln(p.stdout, c)
			}
			if len(changes) > 0 {
				return fmt.Errorf("%w: %d breaking changes", errBreaking, len(changes))
			}
			return nil
		},
	}
}
