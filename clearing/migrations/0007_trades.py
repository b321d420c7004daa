"""Trades, their parts, and what is asked for between members: projections, so no guards of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clearing', '0006_reference'),
    ]

    operations = [
        migrations.CreateModel(
            name='Allocation',
            fields=[
                ('allocation_id', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('trade', models.CharField(db_index=True, max_length=220)),
                ('side', models.CharField(max_length=6)),
                ('account', models.CharField(db_index=True, max_length=40)),
                ('lots', models.BigIntegerField()),
                ('shares', models.IntegerField()),
                ('status', models.CharField(max_length=10)),
                ('made_at', models.DateTimeField()),
                ('deadline_at', models.DateTimeField()),
                ('sequence', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='LegMove',
            fields=[
                ('sequence', models.BigIntegerField(primary_key=True, serialize=False)),
                ('trade', models.CharField(db_index=True, max_length=220)),
                ('side', models.CharField(max_length=6)),
                ('account', models.CharField(max_length=40)),
                ('counterpart', models.CharField(max_length=40)),
                ('takes', models.BooleanField()),
                ('why', models.CharField(max_length=20)),
                ('move_id', models.CharField(db_index=True, max_length=100)),
                ('lots', models.BigIntegerField()),
                ('value', models.BigIntegerField()),
                ('moved_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='PriceGroup',
            fields=[
                ('group_id', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('account', models.CharField(db_index=True, max_length=40)),
                ('symbol', models.CharField(max_length=40)),
                ('settlement', models.CharField(max_length=20)),
                ('side', models.CharField(max_length=6)),
                ('trades', models.IntegerField()),
                ('shares', models.IntegerField()),
                ('lots', models.BigIntegerField()),
                ('value', models.BigIntegerField()),
                ('made_at', models.DateTimeField()),
                ('sequence', models.BigIntegerField()),
            ],
            options={
                'verbose_name': 'average price group',
            },
        ),
        migrations.CreateModel(
            name='Handover',
            fields=[
                ('handover_id', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=10)),
                ('trade', models.CharField(db_index=True, default='', max_length=220)),
                ('side', models.CharField(default='', max_length=6)),
                ('symbol', models.CharField(max_length=40)),
                ('lots', models.BigIntegerField()),
                ('price_ticks', models.BigIntegerField(null=True)),
                ('from_account', models.CharField(db_index=True, max_length=40)),
                ('from_member', models.CharField(max_length=40)),
                ('to_member', models.CharField(max_length=40)),
                ('to_account', models.CharField(default='', max_length=40)),
                ('status', models.CharField(max_length=10)),
                ('reason', models.CharField(default='', max_length=200)),
                ('executed_at', models.DateTimeField(null=True)),
                ('requested_at', models.DateTimeField()),
                ('deadline_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('sequence', models.BigIntegerField()),
                ('latest', models.BigIntegerField()),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status', 'requested')), fields=['deadline_at'], name='handover_waiting'), models.Index(fields=['to_member', 'sequence'], name='handover_to_member'), models.Index(fields=['from_member', 'sequence'], name='handover_from_member')],
            },
        ),
        migrations.CreateModel(
            name='Trade',
            fields=[
                ('name', models.CharField(max_length=220, primary_key=True, serialize=False)),
                ('venue', models.CharField(max_length=20)),
                ('trade_id', models.CharField(max_length=200)),
                ('symbol', models.CharField(max_length=40)),
                ('settlement', models.CharField(max_length=20)),
                ('lots', models.BigIntegerField()),
                ('price_ticks', models.BigIntegerField()),
                ('value', models.BigIntegerField()),
                ('buyer', models.CharField(default='', max_length=40)),
                ('seller', models.CharField(default='', max_length=40)),
                ('buyer_sequence', models.BigIntegerField(default=0)),
                ('seller_sequence', models.BigIntegerField(default=0)),
                ('sequence', models.BigIntegerField()),
                ('executed_at', models.DateTimeField()),
                ('status', models.CharField(default='active', max_length=10)),
                ('replaces', models.CharField(default='', max_length=200)),
                ('replaced_by', models.CharField(default='', max_length=200)),
                ('ended_sequence', models.BigIntegerField(null=True)),
                ('reason', models.CharField(default='', max_length=200)),
            ],
            options={
                'indexes': [models.Index(fields=['sequence'], name='trade_in_order'), models.Index(fields=['venue', 'sequence'], name='trade_of_venue')],
            },
        ),
        migrations.CreateModel(
            name='TradePart',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('trade', models.CharField(max_length=220)),
                ('side', models.CharField(max_length=6)),
                ('account', models.CharField(max_length=40)),
                ('symbol', models.CharField(max_length=40)),
                ('lots', models.BigIntegerField()),
                ('value', models.BigIntegerField()),
            ],
            options={
                'verbose_name': 'part of a trade',
                'verbose_name_plural': 'parts of trades',
                'indexes': [models.Index(fields=['account', 'symbol'], name='trade_part_of_account')],
                'constraints': [models.UniqueConstraint(fields=('trade', 'side', 'account'), name='trade_part_once')],
            },
        ),
    ]
