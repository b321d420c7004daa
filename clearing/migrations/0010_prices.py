"""Several sources a price: who they are, what they said (evidence), what was not heard (evidence)."""

from django.db import migrations, models


EVIDENCE = ("clearing_observationbatch", "clearing_pricerejection")
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION surety_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION surety_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER never_truncated;
REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM surety_app;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('clearing', '0009_collateral'),
    ]

    operations = [
        migrations.CreateModel(
            name='ObservationBatch',
            fields=[
                ('number', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64, unique=True)),
                ('source', models.CharField(max_length=20)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('actor', models.CharField(max_length=200)),
                ('correlation_id', models.CharField(max_length=100)),
                ('count', models.IntegerField()),
                ('body', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='PriceDeferral',
            fields=[
                ('sequence', models.BigIntegerField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('reason', models.CharField(max_length=200)),
                ('observations', models.IntegerField()),
                ('rejected', models.IntegerField()),
                ('evidence', models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='PriceRejection',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('outcome', models.CharField(max_length=64)),
                ('subject', models.CharField(max_length=100)),
                ('source', models.CharField(max_length=20)),
                ('why', models.CharField(max_length=20)),
                ('says', models.CharField(max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='PriceRules',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('policy', models.JSONField()),
                ('sequence', models.BigIntegerField()),
            ],
            options={
                'verbose_name': 'price policy',
                'verbose_name_plural': 'price policy',
            },
        ),
        migrations.CreateModel(
            name='PriceSource',
            fields=[
                ('source', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=10)),
                ('weight', models.IntegerField()),
                ('quotes', models.CharField(max_length=400)),
                ('reporter', models.CharField(max_length=4)),
                ('simulated', models.BooleanField()),
                ('title', models.CharField(max_length=100)),
                ('standing', models.CharField(max_length=10)),
                ('reason', models.CharField(default='', max_length=200)),
                ('sequence', models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name='priceset',
            name='corrects',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='priceset',
            name='reason',
            field=models.CharField(default='', max_length=200),
        ),
        migrations.AddIndex(
            model_name='priceset',
            index=models.Index(fields=['-at', '-sequence'], name='price_set_in_force'),
        ),
        migrations.AddIndex(
            model_name='observationbatch',
            index=models.Index(fields=['last_at'], name='observation_window'),
        ),
        migrations.AddIndex(
            model_name='pricerejection',
            index=models.Index(fields=['outcome', 'id'], name='rejections_of'),
        ),
        *(
            migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop)
            for table in EVIDENCE
        ),
    ]
