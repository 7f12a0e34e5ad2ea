package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/qcsdev/qcs/server"
)

// list returns a setting that is a list in the file, a comma-separated text in the environment, and
// may be a flag that is repeated.
// The error does not contain an item, which may have a password.
func list(k *koanf.Koanf, key string) ([]string, error) {
	var items []string
	switch value := k.Get(key).(type) {
	case nil:
	case string:
		items = strings.Split(value, ",")
	case []string:
		items = slices.Clone(value)
	case []any:
		for i, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%s: item %d is not a string of the form name:…", key, i+1)
			}
			items = append(items, text)
		}
	default:
		return nil, fmt.Errorf("%s: not a list of strings", key)
	}
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items, nil
}

// split splits an item of the form name:value:… into n parts and decodes their percent encoding.
// Missing parts are empty. The error does not contain the item, which may have a password.
func split(item string, n int) ([]string, error) {
	parts := strings.Split(item, ":")
	if len(parts) > n {
		return nil, errors.New("has too many ':' fields; write : as %3A and , as %2C")
	}
	for i, part := range parts {
		var err error
		if parts[i], err = url.PathUnescape(part); err != nil {
			return nil, errors.New("has an invalid % escape; write % as %25")
		}
	}
	return append(parts, make([]string, n-len(parts))...), nil
}

// worlds returns the worlds of items of the form name[:plan[:tokens]].
func worlds(k *koanf.Koanf) ([]server.World, error) {
	items, err := list(k, keyWorlds)
	if err != nil {
		return nil, err
	}
	var all []server.World
	for _, item := range items {
		parts, err := split(item, 3)
		if err != nil {
			return nil, fmt.Errorf("world %q %w", item, err)
		}
		plans := map[string]server.Plan{"": "Full", "free": "Free", "trial": "Trial", "full": "Full"}
		plan, ok := plans[strings.ToLower(parts[1])]
		tokens := server.TokenClock(strings.ToLower(parts[2]))
		if !ok || parts[0] == "" {
			return nil, fmt.Errorf("world %q is not of the form name:plan:tokens with plan free, trial or full", item)
		}
		all = append(all, server.World{Name: parts[0], Plan: plan, Tokens: tokens})
	}
	return all, nil
}

// users returns the users of items of the form name:password[:role[:world]].
func users(k *koanf.Koanf) ([]server.User, error) {
	items, err := list(k, keyUsers)
	if err != nil {
		return nil, err
	}
	var all []server.User
	for i, item := range items {
		parts, err := split(item, 4)
		if err != nil {
			return nil, fmt.Errorf("user number %d %w", i+1, err)
		}
		role := server.Role(strings.ToLower(parts[2]))
		all = append(all, server.User{Name: parts[0], Password: parts[1], Role: role, World: parts[3]})
	}
	return all, nil
}
