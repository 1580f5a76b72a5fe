// The container that @peculiar/x509 registers its parts in needs the metadata API first.
import 'reflect-metadata';

/** A certificate reader that is not ours, to hold our bytes against. */
export * from '@peculiar/x509';
