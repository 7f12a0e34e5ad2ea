package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// config is the content of the configuration file.
type config struct {
	Current  string         `yaml:"current,omitempty"`
	Contexts []namedContext `yaml:"contexts,omitempty"`
}

// namedContext is an account at a service, with the token of the latest login. The file never
// contains a password.
type namedContext struct {
	Name     string `yaml:"name" json:"name"`
	URL      string `yaml:"url,omitempty" json:"url,omitempty"`
	Platform string `yaml:"platform,omitempty" json:"platform,omitempty"`
	User     string `yaml:"user,omitempty" json:"user,omitempty"`
	Auth     string `yaml:"auth,omitempty" json:"auth,omitempty"`
	Token    string `yaml:"token,omitempty" json:"-"`
}

// configPath gives the path of the configuration file.
func (p *program) configPath() (string, error) {
	if path := p.getenv("QCS_CONFIG"); path != "" {
		return path, nil
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the configuration: %w; set QCS_CONFIG", err)
	}
	return filepath.Join(folder, "qcs", "config.yaml"), nil
}

// readConfig reads the configuration file. A file that does not exist is empty. A file that other
// users can read is an error, because it contains tokens.
func (p *program) readConfig() (c config, err error) {
	path, err := p.configPath()
	if err != nil {
		return c, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return c, err
	case info.Mode().Perm()&0o077 != 0:
		return c, fmt.Errorf("%s can be read by others: chmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// writeConfig replaces the configuration file atomically. Only its owner can read it.
func (p *program) writeConfig(c config) error {
	path, err := p.configPath()
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".config-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// find gives a context by its name, or nil.
func (c *config) find(name string) *namedContext {
	i := slices.IndexFunc(c.Contexts, func(n namedContext) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Contexts[i]
}

// nameFor gives the name of the context for the same account, or a new name: "default" for the
// first context, then the name of the platform or the host.
func (c *config) nameFor(n namedContext) string {
	for _, other := range c.Contexts {
		if other.URL == n.URL && other.Platform == n.Platform && other.User == n.User {
			return other.Name
		}
	}
	name := "default"
	if len(c.Contexts) > 0 {
		name = cmp.Or(strings.ToLower(n.Platform), strings.TrimPrefix(strings.TrimPrefix(n.URL, "https://"), "http://"))
	}
	for base, i := name, 2; c.find(name) != nil; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}

// put adds a context, or replaces the context with the same name.
func (c *config) put(n namedContext) {
	if old := c.find(n.Name); old != nil {
		*old = n
		return
	}
	c.Contexts = append(c.Contexts, n)
}
